/** Coordinates as people paste them. What they mean, and whether they can be right, is the server's to say. */
import type { LonLat } from '../model/documents.ts';

export const SYSTEMS = ['WGS84', 'GCJ-02', 'BD-09'] as const;
export type System = (typeof SYSTEMS)[number];

/** Whole ones only: of 1110.5, neither 111 nor 0.5 was meant. */
const NUMBER = /(?<![\d.])[-+]?\d{1,3}(?:\.\d+)?(?!\d|\.\d)/gu;
const ALLOWED = /^[\s\d.,;:，；：、+\-°()（）[\]a-z经纬度东北]*$/iu;

/** Longitude first; null where the text does not hold exactly two numbers. Pairs that can only be swapped are put right. */
export function parseCoordinates(pasted: string): LonLat | null {
  const text = pasted.normalize('NFKC'); // a Chinese keyboard may write １１１．１９５
  if (!ALLOWED.test(text)) return null;
  const numbers = text.match(NUMBER)?.map(Number) ?? [];
  const [first, second] = numbers;
  if (numbers.length !== 2 || first === undefined || second === undefined) return null;
  // In China no latitude reaches 73 and no longitude is below it, and phone maps put the latitude first as often as not.
  const swapped = Math.abs(first) < 60 && second >= 73 && second <= 136;
  return swapped ? [second, first] : [first, second];
}

const EARTH_M = 6_371_008.8;

/** Metres between two points on a sphere (haversine), to half a percent. */
export function metresBetween([lon1, lat1]: LonLat, [lon2, lat2]: LonLat): number {
  const rad = Math.PI / 180;
  const a =
    Math.sin(((lat2 - lat1) * rad) / 2) ** 2 +
    Math.cos(lat1 * rad) * Math.cos(lat2 * rad) * Math.sin(((lon2 - lon1) * rad) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(a)));
}
