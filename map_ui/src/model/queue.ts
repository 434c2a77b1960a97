/** Queue order: unacknowledged before acknowledged; then priority; then oldest first. */
import type { Incident } from './documents.ts';

const times = new WeakMap<Incident, number>();

/** Milliseconds; kept per document, because a queue of 10,000 is sorted twice a second. */
export function openedAt(incident: Incident): number {
  let time = times.get(incident);
  if (time === undefined) {
    time = Date.parse(incident.opened_at);
    times.set(incident, time);
  }
  return time;
}

export const isUnacknowledged = (incident: Incident): boolean => incident.state === 'new';

export function compareQueue(a: Incident, b: Incident): number {
  return (
    Number(!isUnacknowledged(a)) - Number(!isUnacknowledged(b)) ||
    a.priority - b.priority ||
    openedAt(a) - openedAt(b) ||
    a.id - b.id
  );
}

export function queueOrder(incidents: Iterable<Incident>): Incident[] {
  return [...incidents].sort(compareQueue);
}

/**
 * The same order after some rows changed, went or came: the others keep their places, so that a storm of repeats costs
 * no sorting of 10,000 rows.
 */
export function reorder(
  queue: readonly Incident[],
  changed: readonly Incident[],
  removed: readonly number[],
): Incident[] {
  const touched = new Set([...removed, ...changed.map((incident) => incident.id)]);
  const fresh = [...changed].sort(compareQueue);
  const merged: Incident[] = [];
  let next = 0;
  for (const incident of queue) {
    if (touched.has(incident.id)) continue;
    for (let at = fresh[next]; at && compareQueue(at, incident) < 0; at = fresh[next]) {
      merged.push(at);
      next += 1;
    }
    merged.push(incident);
  }
  merged.push(...fresh.slice(next));
  return merged;
}

export function countStates(queue: Iterable<Incident>): { unacknowledged: number; open: number } {
  let unacknowledged = 0;
  let open = 0;
  for (const incident of queue) {
    open += 1;
    if (isUnacknowledged(incident)) unacknowledged += 1;
  }
  return { unacknowledged, open };
}

/** "One key from anywhere to the newest unacknowledged alarm." */
export function newestUnacknowledged(queue: Iterable<Incident>): Incident | null {
  let newest: Incident | null = null;
  for (const incident of queue) {
    if (!isUnacknowledged(incident)) continue;
    if (newest === null || openedAt(incident) > openedAt(newest)) newest = incident;
  }
  return newest;
}

/** The rows that match every word of a search, by the text that the row shows. */
export function matchQueue(
  queue: readonly Incident[],
  query: string,
  textOf: (incident: Incident) => string,
): readonly Incident[] {
  const words = query.toLowerCase().split(/\s+/u).filter(Boolean);
  if (words.length === 0) return queue;
  return queue.filter((incident) => {
    const text = textOf(incident).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
