/** Which tier the map speaks of at which zoom. A county of the reference city is about 0.5 degrees wide. */
import type { Tier } from '../model/documents.ts';

/** From this zoom on the map's centre is said to be in a division of the tier. */
const INSIDE: readonly (readonly [Tier, number])[] = [
  [4, 13],
  [3, 11],
  [2, 9],
];

/** Counts are shown for one tier at a time, and single incidents from `INCIDENTS_FROM` on. */
export const COUNT_ZOOMS: Record<2 | 3 | 4, readonly [number, number]> = {
  2: [0, 9.3],
  3: [9.3, 11.4],
  4: [11.4, 13],
};
export const INCIDENTS_FROM = 13;
export const CELLS_FROM = 13;
export const SITES_FROM = 13.5;
export const MAX_ZOOM = 19;

/** The tier whose division the centre of the view names; null at the city. */
export function tierAt(zoom: number): Tier | null {
  return INSIDE.find(([, from]) => zoom >= from)?.[0] ?? null;
}

/** A zoom that shows a division of which only a point is known. */
export const ZOOM_FOR: Record<Tier, number> = { 1: 8, 2: 10, 3: 12, 4: 14 };
