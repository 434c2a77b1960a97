/** Incidents as features, and the difference between two states as one small update of a source. Pure. */
import type { Feature, Point } from 'geojson';
import type { GeoJSONSourceDiff } from 'maplibre-gl';
import type { Incident } from '../model/documents.ts';
import type { KindDiff } from '../model/live-state.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { imageName } from './images.ts';

export const ALL_TAKEN = 9;

export function incidentFeature(incident: Incident): Feature<Point> | null {
  if (incident.position === null) return null;
  const fresh = isUnacknowledged(incident);
  return {
    type: 'Feature',
    id: incident.id,
    geometry: { type: 'Point', coordinates: [...incident.position] },
    properties: {
      id: incident.id,
      priority: incident.priority,
      fresh: fresh ? incident.priority : ALL_TAKEN,
      image: imageName(incident.priority, !fresh),
    },
  };
}

/** Shown at every zoom: unacknowledged threats to life and verified crimes. */
export const isUrgent = (incident: Incident): boolean => incident.priority <= 2 && isUnacknowledged(incident);

/**
 * The update that brings a source from what it `holds` (ids, kept up to date here) to the state after the diff.
 * Null where nothing of it shows.
 */
export function sourceDiff(
  holds: Set<number>,
  diff: KindDiff<Incident>,
  shows: (incident: Incident) => boolean = () => true,
): GeoJSONSourceDiff | null {
  const add: Feature[] = [];
  const remove: number[] = [];
  const drop = (id: number) => {
    if (holds.delete(id)) remove.push(id);
  };
  for (const id of diff.removed) drop(id);
  for (const incident of [...diff.added, ...diff.updated]) {
    const feature = shows(incident) ? incidentFeature(incident) : null;
    drop(incident.id);
    if (feature === null) continue;
    add.push(feature);
    holds.add(incident.id);
  }
  return add.length + remove.length > 0 ? { add, remove } : null;
}
