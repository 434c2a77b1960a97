/**
 * GCJ-02, the obfuscated coordinates of Chinese street maps. Everything here is WGS 84; only a base map in GCJ-02 has to
 * be moved, and by an amount that differs from place to place (about 500 m in the reference city), never a constant.
 */
import type { LonLat } from '../model/documents.ts';

const A = 6378245;
const EE = 0.006693421622965943;

/** WGS 84 to GCJ-02; outside China the two are the same. */
export function toGcj02([lon, lat]: LonLat): LonLat {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lon, lat];
  const x = lon - 105;
  const y = lat - 35;
  const phi = (lat / 180) * Math.PI;
  const magic = 1 - EE * Math.sin(phi) ** 2;
  const root = Math.sqrt(magic);
  const dLat = (shiftLat(x, y) * 180) / (((A * (1 - EE)) / (magic * root)) * Math.PI);
  const dLon = (shiftLon(x, y) * 180) / ((A / root) * Math.cos(phi) * Math.PI);
  return [lon + dLon, lat + dLat];
}

const sine = (times: number, value: number) => Math.sin(times * value * Math.PI);

function waves(x: number): number {
  return ((20 * sine(6, x) + 20 * sine(2, x)) * 2) / 3;
}

function shiftLat(x: number, y: number): number {
  return (
    -100 +
    2 * x +
    3 * y +
    0.2 * y * y +
    0.1 * x * y +
    0.2 * Math.sqrt(Math.abs(x)) +
    waves(x) +
    ((20 * sine(1, y) + 40 * sine(1 / 3, y)) * 2) / 3 +
    ((160 * sine(1 / 12, y) + 320 * sine(1 / 30, y)) * 2) / 3
  );
}

function shiftLon(x: number, y: number): number {
  return (
    300 +
    x +
    2 * y +
    0.1 * x * x +
    0.1 * x * y +
    0.1 * Math.sqrt(Math.abs(x)) +
    waves(x) +
    ((20 * sine(1, x) + 40 * sine(1 / 3, x)) * 2) / 3 +
    ((150 * sine(1 / 12, x) + 300 * sine(1 / 30, x)) * 2) / 3
  );
}

/** A place as fractions of tiles at a zoom (Web Mercator). */
export function tilePlace([lon, lat]: LonLat, zoom: number): { x: number; y: number } {
  const n = 2 ** zoom;
  const phi = (lat / 180) * Math.PI;
  return {
    x: ((lon + 180) / 360) * n,
    y: ((1 - Math.log(Math.tan(phi) + 1 / Math.cos(phi)) / Math.PI) / 2) * n,
  };
}

function placeOfTile(x: number, y: number, zoom: number): LonLat {
  const n = 2 ** zoom;
  return [(x / n) * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / n))) * 180) / Math.PI];
}

/**
 * Where a WGS 84 tile lies among GCJ-02 tiles, in fractions of tiles. The shift is taken at the tile's middle: within
 * one tile it varies by less than a pixel at every zoom where streets can be read.
 */
export function gcjTile(x: number, y: number, zoom: number): { x: number; y: number } {
  const middle = tilePlace(toGcj02(placeOfTile(x + 0.5, y + 0.5, zoom)), zoom);
  return { x: middle.x - 0.5, y: middle.y - 0.5 };
}
