/** Where the map looks: divisions by their bounds, incidents by their point, and the division that the centre is in. */
import type { LngLatBoundsLike, Map as MapLibre } from 'maplibre-gl';
import type { Division, Session } from '../model/documents.ts';
import type { Places } from '../model/places.ts';
import { type Breaks, breaksFor, tierAt, ZOOM_FOR, zoomRanges } from './tiers.ts';

const PADDING_PX = 48;
/** On moves that somebody asked for by name: the place in the top line is known, and need not be looked up. */
const NAMED = { named: true };
const INCIDENT_ZOOM = 16.5;

type Bounds = readonly [number, number, number, number];

export function toBoundsLike([west, south, east, north]: Bounds): LngLatBoundsLike {
  return [
    [west, south],
    [east, north],
  ];
}

/** The whole of what the installation covers, or of what the reader may see. */
export function homeBounds(session: Session, places: Places): Bounds | null {
  return (
    session.installation.bounds ??
    unite([...places.all].flatMap((division) => (division.bounds ? [division.bounds] : [])))
  );
}

/** A division without a boundary is shown by its point, else by what lies below it. */
export function boundsOf(division: Division, places: Places): Bounds | null {
  if (division.bounds) return division.bounds;
  if (division.label_point) return null;
  return unite(
    places.children(division.code).flatMap((child) => {
      const bounds = boundsOf(child, places);
      return bounds ? [bounds] : [];
    }),
  );
}

function unite(all: readonly Bounds[]): Bounds | null {
  const first = all[0];
  if (!first) return null;
  return all.reduce(
    (sum, next) => [
      Math.min(sum[0], next[0]),
      Math.min(sum[1], next[1]),
      Math.max(sum[2], next[2]),
      Math.max(sum[3], next[3]),
    ],
    first,
  );
}

/** False when nothing is known of where it lies. */
export function showDivision(map: MapLibre, division: Division, places: Places): boolean {
  const bounds = boundsOf(division, places);
  if (bounds) {
    map.fitBounds(toBoundsLike(bounds), { padding: PADDING_PX, maxZoom: 16, duration: 500 }, NAMED);
    return true;
  }
  if (!division.label_point) return false;
  map.easeTo({ center: [...division.label_point], zoom: ZOOM_FOR[division.tier], duration: 500 }, NAMED);
  return true;
}

export function showHome(map: MapLibre, session: Session, places: Places, duration = 500): void {
  const bounds = homeBounds(session, places);
  if (bounds) map.fitBounds(toBoundsLike(bounds), { padding: PADDING_PX, duration }, NAMED);
}

export function showPoint(map: MapLibre, at: readonly [number, number]): void {
  map.easeTo({ center: [...at], zoom: Math.max(map.getZoom(), INCIDENT_ZOOM), duration: 500 }, NAMED);
}

/** Moves the zooms at which tiers give way to each other to fit the division that is looked into. */
export function applyBreaks(map: MapLibre, division: Division | undefined, places: Places): Breaks {
  const bounds = division && boundsOf(division, places);
  const fit = bounds && map.cameraForBounds(toBoundsLike(bounds), { padding: PADDING_PX })?.zoom;
  const breaks = breaksFor(division?.tier ?? null, fit ?? Number.POSITIVE_INFINITY);
  for (const [layer, [from, to]] of Object.entries(zoomRanges(breaks)))
    map.setLayerZoomRange(layer, from, to);
  return breaks;
}

/** The division in the middle of the view, of the tier that the zoom speaks of. */
export function divisionInView(map: MapLibre, breaks: Breaks): string | null {
  const tier = tierAt(map.getZoom(), breaks);
  if (tier === null) return null;
  const inside = map
    .queryRenderedFeatures(map.project(map.getCenter()), { layers: ['division-fill'] })
    .map((feature) => feature.properties as { code: string; tier: number })
    .filter((division) => division.tier <= tier)
    .sort((a, b) => b.tier - a.tier);
  return inside[0]?.code ?? null;
}
