/** How long an incident has waited, against the time in which the desk should have answered it. */
import type { Incident, Priority } from './documents.ts';
import { isUnacknowledged, openedAt } from './queue.ts';

/** Seconds to the acknowledgement; priority 5 asks for none. */
export const TARGET_S: Record<Priority, number | null> = { 1: 30, 2: 60, 3: 90, 4: 300, 5: null };

export interface Age {
  seconds: number;
  /** 0 to 1 of the way to the target; null once acknowledged or where nothing is due. */
  fraction: number | null;
  late: boolean;
}

export function ageOf(incident: Incident, nowMs: number): Age {
  const seconds = Math.max(0, Math.floor((nowMs - openedAt(incident)) / 1000));
  const target = TARGET_S[incident.priority];
  if (!isUnacknowledged(incident) || target === null) return { seconds, fraction: null, late: false };
  return { seconds, fraction: Math.min(1, seconds / target), late: seconds >= target };
}
