/** An area as it is drawn, point by point. Pure. */
import type { Feature, Polygon } from 'geojson';
import type { LonLat } from '../model/documents.ts';

/** GeoJSON closes a ring; seven digits are a centimetre. */
export function toPolygon(points: readonly LonLat[]): Polygon {
  const ring = points.map(([lon, lat]) => [Number(lon.toFixed(7)), Number(lat.toFixed(7))]);
  const first = ring[0];
  return { type: 'Polygon', coordinates: [first ? [...ring, [...first]] : ring] };
}

/** Whether a new point would make the outline cross itself: neither the database nor a reader knows what is inside then. */
export function crosses(points: readonly LonLat[], next: LonLat): boolean {
  const last = points.at(-1);
  if (!last) return false;
  return points.slice(0, -2).some((from, n) => {
    const to = points[n + 1];
    return to !== undefined && meet(last, next, from, to);
  });
}

/** Whether the closing line would cross what is drawn. */
export function closesWell(points: readonly LonLat[]): boolean {
  const first = points[0];
  if (points.length < 3 || !first) return false;
  return !crosses(points.slice(1), first);
}

/** The corners of a box, as points. */
export function boxPoints(west: number, south: number, east: number, north: number): LonLat[] {
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
}

/** What the map shows of it: corners while drawing, the surface as soon as there is one. */
export function areaFeatures(points: readonly LonLat[], drawing: boolean): Feature[] {
  const features: Feature[] = [];
  if (points.length >= 3) {
    features.push({ type: 'Feature', geometry: toPolygon(points), properties: {} });
  } else if (points.length === 2) {
    features.push({
      type: 'Feature',
      geometry: { type: 'LineString', coordinates: points.map((point) => [...point]) },
      properties: {},
    });
  }
  if (drawing) {
    for (const [n, point] of points.entries()) {
      features.push({
        type: 'Feature',
        geometry: { type: 'Point', coordinates: [...point] },
        properties: { first: n === 0 },
      });
    }
  }
  return features;
}

function meet(a: LonLat, b: LonLat, c: LonLat, d: LonLat): boolean {
  const side = (p: LonLat, q: LonLat, r: LonLat) =>
    Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
  return side(a, b, c) !== side(a, b, d) && side(c, d, a) !== side(c, d, b);
}
