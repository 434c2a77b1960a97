/** How much is open in each division, and how grave: kept by the codes that the open incidents carry. */
import type { Incident, Priority } from './documents.ts';
import { isUnacknowledged } from './queue.ts';

export interface DivisionCount {
  open: number;
  unacknowledged: number;
  /** The gravest that is open there. */
  top: Priority;
  /** Whether something of that gravest priority is still unacknowledged. */
  topUnacknowledged: boolean;
}

const PRIORITY_COUNT = 5;

/** Counts over county, township and village. A tier that an incident lacks is not counted. */
export class DivisionCounts {
  /** By code: how many of each priority are unacknowledged, then how many of each are taken on. */
  readonly #tallies = new Map<string, Int32Array>();

  add(incident: Incident): void {
    this.#tally(incident, 1);
  }

  remove(incident: Incident): void {
    this.#tally(incident, -1);
  }

  *entries(): Iterable<[string, DivisionCount]> {
    for (const [code, tally] of this.#tallies) yield [code, summary(tally)];
  }

  #tally(incident: Incident, by: 1 | -1): void {
    const place = incident.priority - 1 + (isUnacknowledged(incident) ? 0 : PRIORITY_COUNT);
    for (const code of [incident.county, incident.township, incident.village]) {
      if (code === null) continue;
      const tally = this.#tallies.get(code) ?? new Int32Array(2 * PRIORITY_COUNT);
      tally[place] = (tally[place] ?? 0) + by;
      if (tally.some((n) => n > 0)) this.#tallies.set(code, tally);
      else this.#tallies.delete(code);
    }
  }
}

function summary(tally: Int32Array): DivisionCount {
  const fresh = tally.subarray(0, PRIORITY_COUNT);
  const taken = tally.subarray(PRIORITY_COUNT);
  const sum = (counts: Int32Array) => counts.reduce((total, n) => total + n, 0);
  const top = fresh.findIndex((n, index) => n + (taken[index] ?? 0) > 0);
  return {
    open: sum(tally),
    unacknowledged: sum(fresh),
    top: (top + 1) as Priority,
    topUnacknowledged: (fresh[top] ?? 0) > 0,
  };
}

export function divisionCounts(incidents: Iterable<Incident>): Map<string, DivisionCount> {
  const counts = new DivisionCounts();
  for (const incident of incidents) counts.add(incident);
  return new Map(counts.entries());
}
