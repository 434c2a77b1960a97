/** Incidents as features, and the difference between two states as one small update of a source. Pure. */
import type { Feature, Point } from 'geojson';
import type { GeoJSONSourceDiff } from 'maplibre-gl';
import type { Incident } from '../model/documents.ts';
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

/** What of an incident the map shows, in one comparable word; null where it shows nothing. */
function looks(feature: Feature<Point> | null): string | null {
  return feature && `${feature.properties?.['image']}@${feature.geometry.coordinates.join()}`;
}

/**
 * The update that brings a source from what it `holds` (id to looks, kept up to date here) to the state now. Only ids
 * that were `touched` are looked at, and only what looks different is sent: a repeat of an alarm changes nothing.
 */
export function sourceDiff(
  holds: Map<number, string>,
  touched: Iterable<number>,
  incidents: ReadonlyMap<number, Incident>,
  shows: (incident: Incident) => boolean = () => true,
): GeoJSONSourceDiff | null {
  const add: Feature[] = [];
  const remove: number[] = [];
  for (const id of touched) {
    const incident = incidents.get(id);
    const feature = incident && shows(incident) ? incidentFeature(incident) : null;
    const now = looks(feature);
    const before = holds.get(id) ?? null;
    if (now === before) continue;
    if (before !== null) remove.push(id);
    if (feature && now !== null) {
      add.push(feature);
      holds.set(id, now);
    } else holds.delete(id);
  }
  return add.length + remove.length > 0 ? { add, remove } : null;
}
