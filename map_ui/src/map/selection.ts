/** The chosen incident on the map: itself on top, its devices linked to it with thin lines. */
import type { Feature } from 'geojson';
import type { Incident, LonLat } from '../model/documents.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { imageName } from './images.ts';

export function selectionFeatures(incident: Incident, devices: readonly LonLat[]): Feature[] {
  const at = incident.position;
  if (at === null) return [];
  const features: Feature[] = [
    {
      type: 'Feature',
      geometry: { type: 'Point', coordinates: [...at] },
      properties: { role: 'incident', image: imageName(incident.priority, !isUnacknowledged(incident)) },
    },
  ];
  for (const device of devices) {
    if (device[0] === at[0] && device[1] === at[1]) continue;
    features.push(
      {
        type: 'Feature',
        geometry: { type: 'LineString', coordinates: [[...at], [...device]] },
        properties: { role: 'link' },
      },
      {
        type: 'Feature',
        geometry: { type: 'Point', coordinates: [...device] },
        properties: { role: 'device' },
      },
    );
  }
  return features;
}
