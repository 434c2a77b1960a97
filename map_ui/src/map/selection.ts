/** The chosen incident on the map: itself on top, its devices linked to it with thin lines. */
import type { Feature } from 'geojson';
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { incidentDetail } from '../api/endpoints.ts';
import type { App } from '../app.ts';
import type { CameraView, Incident, LonLat } from '../model/documents.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { imageName } from './images.ts';
import { INCIDENT_LAYERS } from './style.ts';

export function selectionFeatures(
  incident: Incident,
  devices: readonly LonLat[],
  cameras: readonly CameraView[] = [],
): Feature[] {
  const at = incident.position;
  if (at === null) return [];
  const features: Feature[] = [
    ...cameras.flatMap(({ sector }) =>
      sector ? [{ type: 'Feature' as const, geometry: sector, properties: { role: 'sector' } }] : [],
    ),
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

/** Everything else while something is chosen. */
const DIMMED = 0.55;

export class SelectionLayer {
  #id: number | null = null;
  /** The incident with its number of alarms when it was last read: another alarm may bring another camera. */
  #read: string | null = null;
  #reading = false;
  /** Which answer is waited for: not one to an earlier selection, nor one that a broken line may still hold. */
  #turn = 0;
  #devices: readonly LonLat[] = [];
  #cameras: readonly CameraView[] = [];

  constructor(
    private readonly map: MapLibre,
    private readonly app: App,
  ) {}

  draw(): void {
    const id = this.app.selected.value;
    const incident = this.app.incident(id);
    const source = this.map.getSource<GeoJSONSource>('selection');
    // Between two styles there is no source; the next style draws it again.
    if (!source) return;
    if (id !== this.#id) {
      this.#id = id;
      this.#startAnew();
      this.#devices = [];
      this.#cameras = [];
    }
    // It may be selected before the feed has it, and its alarms may come faster than it can be read.
    const wanted = incident?.position ? `${incident.id}/${incident.alarm_count}` : null;
    if (incident && wanted !== null && wanted !== this.#read && !this.#reading) {
      this.#read = wanted;
      this.#findDevices(incident.id);
    }
    source.setData({
      type: 'FeatureCollection',
      features: incident ? selectionFeatures(incident, this.#devices, this.#cameras) : [],
    });
    // Counts keep their strength: a plate that lets shapes through cannot be read.
    for (const layer of INCIDENT_LAYERS) {
      const opacity = incident?.position ? DIMMED : 1;
      this.map.setPaintProperty(layer, 'icon-opacity', opacity);
      if (layer.endsWith('cluster')) this.map.setPaintProperty(layer, 'text-opacity', opacity);
    }
  }

  /** What could not be read, or was read before the line broke, is read anew. */
  readAgain(): void {
    this.#startAnew();
    this.draw();
  }

  #startAnew(): void {
    this.#turn += 1;
    this.#read = null;
    this.#reading = false;
  }

  #findDevices(id: number): void {
    const turn = this.#turn;
    this.#reading = true;
    incidentDetail(id).then(
      (detail) => {
        if (turn !== this.#turn) return;
        this.#reading = false;
        this.#devices = detail.devices.flatMap((device) => (device.position ? [device.position] : []));
        this.#cameras = detail.cameras;
        this.draw();
      },
      () => {
        // The case beside the map asks for the same and says what is wrong; without it no links are drawn.
        if (turn === this.#turn) this.#reading = false;
      },
    );
  }
}
