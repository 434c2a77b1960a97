/**
 * What is open, and how a change alters it. Pure: the same code runs in the shared worker and in each tab.
 *
 * One property must hold and is tested: snapshot + changes == a fresh snapshot, in any batching.
 */
import type { Alarm, Change, Incident, Snapshot } from './documents.ts';

export interface LiveState {
  readonly seq: number;
  readonly incidents: ReadonlyMap<number, Incident>;
  readonly alarms: ReadonlyMap<number, Alarm>;
}

/** What became of one kind of thing: whole documents, so that the map and the queue need not look elsewhere. */
export interface KindDiff<T> {
  readonly added: readonly T[];
  readonly updated: readonly T[];
  readonly removed: readonly number[];
}

export interface Diff {
  readonly incidents: KindDiff<Incident>;
  readonly alarms: KindDiff<Alarm>;
  /** Devices that said something; they are no part of the state, but an open detail wants to know. */
  readonly devices: readonly number[];
}

export const EMPTY_STATE: LiveState = { seq: 0, incidents: new Map(), alarms: new Map() };

export function fromSnapshot(snapshot: Snapshot): LiveState {
  return {
    seq: snapshot.seq,
    incidents: new Map(snapshot.incidents.map((incident) => [incident.id, incident])),
    alarms: new Map(snapshot.alarms.map((alarm) => [alarm.id, alarm])),
  };
}

/** Applies one change; see `applyChanges`. */
export function applyChange(state: LiveState, change: Change): { state: LiveState; diff: Diff } {
  return applyChanges(state, [change]);
}

/**
 * Applies changes in the order of their numbers. A number that was already applied is skipped (a resumed stream may
 * repeat), and a document older than the one that is held never overwrites it.
 */
export function applyChanges(state: LiveState, changes: readonly Change[]): { state: LiveState; diff: Diff } {
  let seq = state.seq;
  const incidents = new Map(state.incidents);
  const alarms = new Map(state.alarms);
  const devices = new Set<number>();
  for (const change of changes) {
    if (change.seq <= seq) continue;
    seq = change.seq;
    if (change.kind === 'device') {
      devices.add(change.id);
    } else if ('gone' in change) {
      (change.kind === 'incident' ? incidents : alarms).delete(change.id);
    } else if (change.kind === 'incident') {
      put(incidents, change.document);
    } else {
      put(alarms, change.document);
    }
  }
  const next = { seq, incidents, alarms };
  return { state: next, diff: { ...diffStates(state, next), devices: [...devices] } };
}

interface Versioned {
  id: number;
  version: number;
  closed_at: string | null;
}

function put<T extends Versioned>(things: Map<number, T>, document: T): void {
  const held = things.get(document.id);
  if (held && held.version > document.version) return;
  if (document.closed_at === null) things.set(document.id, document);
  else things.delete(document.id);
}

/** What leads from one state to another: after a new snapshot the map and the queue change only where they must. */
export function diffStates(before: LiveState, after: LiveState): Diff {
  return {
    incidents: diffKind(before.incidents, after.incidents),
    alarms: diffKind(before.alarms, after.alarms),
    devices: [],
  };
}

function diffKind<T extends Versioned>(
  before: ReadonlyMap<number, T>,
  after: ReadonlyMap<number, T>,
): KindDiff<T> {
  const added: T[] = [];
  const updated: T[] = [];
  const removed: number[] = [];
  for (const [id, document] of after) {
    const held = before.get(id);
    if (held === undefined) added.push(document);
    else if (held !== document && held.version !== document.version) updated.push(document);
  }
  for (const id of before.keys()) if (!after.has(id)) removed.push(id);
  return { added, updated, removed };
}

export function isEmpty(diff: Diff): boolean {
  const none = (kind: KindDiff<unknown>) =>
    kind.added.length + kind.updated.length + kind.removed.length === 0;
  return none(diff.incidents) && none(diff.alarms) && diff.devices.length === 0;
}

/**
 * The same end with fewer documents: of several changes of one thing only the last is kept. For a tab that gets a
 * burst at once; the numbers stay in order.
 */
export function coalesce(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.kind}:${change.id}`;
    const before = last.get(key);
    // An older document behind a newer one says nothing; `applyChanges` would pass over it too.
    if (before && !('gone' in before) && !('gone' in change) && before.version > change.version) continue;
    last.delete(key);
    last.set(key, change);
  }
  return [...last.values()];
}
