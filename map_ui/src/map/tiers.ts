/** Which tier the map speaks of at which zoom. A county of the reference city is about 0.5 degrees wide. */
import type { Tier } from '../model/documents.ts';

/** From which zoom on counts go by township, by village, and give way to single incidents. */
export interface Breaks {
  townships: number;
  villages: number;
  incidents: number;
}

export const BREAKS: Breaks = { townships: 9.3, villages: 11.4, incidents: 13 };
export const CELLS_FROM = 13;
export const SITES_FROM = 13.5;
export const MAX_ZOOM = 19;

/** Room for the rounding of a zoom that fits exactly. */
const SLACK = 0.1;

/**
 * The breaks while a division fills the view at `fitZoom`: who steps into a large county on a small screen must see its
 * townships, whatever the zoom is.
 */
export function breaksFor(tier: Tier | null, fitZoom: number): Breaks {
  const townships = tier === 2 ? Math.min(BREAKS.townships, fitZoom - SLACK) : BREAKS.townships;
  const villages = tier === 3 ? Math.min(BREAKS.villages, fitZoom - SLACK) : BREAKS.villages;
  const incidents = tier === 4 ? Math.min(BREAKS.incidents, fitZoom - SLACK) : BREAKS.incidents;
  return {
    townships: Math.min(townships, villages, incidents),
    villages: Math.min(villages, incidents),
    incidents,
  };
}

/** The tier whose division the centre of the view names; null at the city. */
export function tierAt(zoom: number, breaks: Breaks = BREAKS): Tier | null {
  if (zoom >= breaks.incidents) return 4;
  if (zoom >= breaks.villages) return 3;
  return zoom >= breaks.townships ? 2 : null;
}

/** Zoom ranges of the layers that the breaks decide. */
export function zoomRanges(breaks: Breaks): Record<string, readonly [number, number]> {
  const { townships, villages, incidents } = breaks;
  const end = 24;
  return {
    'count-2': [0, townships],
    'count-3': [townships, villages],
    'count-4': [villages, incidents],
    'urgent-point': [0, incidents],
    'urgent-cluster': [0, incidents],
    'incident-point': [incidents, end],
    'incident-cluster': [incidents, end],
    'label-2': [6, Math.max(11, villages)],
    'label-3': [townships - SLACK, Math.max(13.5, incidents)],
    'label-4': [villages - SLACK, end],
    'division-3': [Math.min(8.5, townships), end],
    'division-4': [Math.min(11, villages), end],
  };
}

/** A zoom that shows a division of which only a point is known. */
export const ZOOM_FOR: Record<Tier, number> = { 1: 8, 2: 10, 3: 12, 4: 14 };
