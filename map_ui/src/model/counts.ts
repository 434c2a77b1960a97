/** How much is open in each division, and how grave: computed from the open incidents by the codes they carry. */
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

/** Counts by division code over county, township and village. A tier that an incident lacks is not counted. */
export function divisionCounts(incidents: Iterable<Incident>): Map<string, DivisionCount> {
  const counts = new Map<string, DivisionCount>();
  for (const incident of incidents) {
    const fresh = isUnacknowledged(incident);
    for (const code of [incident.county, incident.township, incident.village]) {
      if (code === null) continue;
      const count = counts.get(code);
      if (count === undefined) {
        counts.set(code, {
          open: 1,
          unacknowledged: fresh ? 1 : 0,
          top: incident.priority,
          topUnacknowledged: fresh,
        });
        continue;
      }
      count.open += 1;
      if (fresh) count.unacknowledged += 1;
      if (incident.priority < count.top) {
        count.top = incident.priority;
        count.topUnacknowledged = fresh;
      } else if (incident.priority === count.top && fresh) {
        count.topUnacknowledged = true;
      }
    }
  }
  return counts;
}
