/** A cluster opens by coming closer while its members lie apart, and fans out when they lie at one point. */
import type { Point } from 'geojson';
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import type { Incident, LonLat } from '../model/documents.ts';
import { MAX_ZOOM } from './tiers.ts';

/** Degrees, about 5 m: closer together than that no zoom tells them apart. */
const ONE_POINT = 0.00005;
const MOST = 200;

export interface Fanned {
  at: LonLat;
  incidents: Incident[];
}

/** What to fan out; null when the map came closer instead. */
export async function openCluster(
  map: MapLibre,
  source: GeoJSONSource,
  cluster: number,
  point: Point,
  incidentOf: (id: number) => Incident | undefined,
): Promise<Fanned | null> {
  const leaves = await source.getClusterLeaves(cluster, MOST, 0);
  const incidents = leaves.flatMap((leaf) => incidentOf(Number(leaf.id ?? leaf.properties?.['id'])) ?? []);
  const [lon = 0, lat = 0] = point.coordinates;
  const spread = Math.max(
    0,
    ...incidents.flatMap(({ position }) =>
      position ? [Math.hypot(position[0] - lon, position[1] - lat)] : [],
    ),
  );
  if (spread < ONE_POINT || map.getZoom() > MAX_ZOOM - 1) return { at: [lon, lat], incidents };
  const zoom = await source.getClusterExpansionZoom(cluster);
  map.easeTo({ center: [lon, lat], zoom: Math.min(MAX_ZOOM, zoom + 0.3), duration: 400 });
  return null;
}
