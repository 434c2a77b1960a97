/** Keeps the map's live sources equal to the feed: incidents, counts by division, colours of sites. */
import type { Feature } from 'geojson';
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { divisionCounts } from '../model/counts.ts';
import type { Incident, Priority } from '../model/documents.ts';
import type { Locale } from '../model/format.ts';
import type { Diff, LiveState } from '../model/live-state.ts';
import { diffStates, EMPTY_STATE } from '../model/live-state.ts';
import { divisionName, type Places } from '../model/places.ts';
import { isUrgent, sourceDiff } from './features.ts';
import { imageName } from './images.ts';

export class LiveLayers {
  #shown = new Set<number>();
  #urgent = new Set<number>();
  #sites = new Map<number, Priority>();

  constructor(private readonly map: MapLibre) {}

  /** After a new style: the sources are empty again. */
  refill(state: LiveState, places: Places): void {
    this.#shown.clear();
    this.#urgent.clear();
    this.#sites.clear();
    this.#source('incidents').setData({ type: 'FeatureCollection', features: [] });
    this.#source('urgent').setData({ type: 'FeatureCollection', features: [] });
    this.apply(state, diffStates(EMPTY_STATE, state), places);
  }

  apply(state: LiveState, diff: Diff, places: Places): void {
    const shown = sourceDiff(this.#shown, diff.incidents);
    if (shown) void this.#source('incidents').updateData(shown);
    const urgent = sourceDiff(this.#urgent, diff.incidents, isUrgent);
    if (urgent) void this.#source('urgent').updateData(urgent);
    const { added, updated, removed } = diff.incidents;
    if (added.length + updated.length + removed.length === 0) return;
    this.counts(state, places);
    this.#colourSites(state.incidents.values());
  }

  /** One point per division with something open; divisions without a point on the map stay in the menu and the queue. */
  counts(state: LiveState, places: Places): void {
    const features: Feature[] = [];
    for (const [code, count] of divisionCounts(state.incidents.values())) {
      const division = places.get(code);
      if (!division?.label_point) continue;
      features.push({
        type: 'Feature',
        geometry: { type: 'Point', coordinates: [...division.label_point] },
        properties: {
          code,
          tier: division.tier,
          open: count.open,
          top: count.top,
          image: imageName(count.top, !count.topUnacknowledged),
        },
      });
    }
    this.#source('counts').setData({ type: 'FeatureCollection', features });
  }

  /** The names of the divisions, in the reader's language. */
  names(places: Places, locale: Locale): void {
    const features: Feature[] = [...places.all].flatMap((division) =>
      division.label_point === null
        ? []
        : {
            type: 'Feature' as const,
            geometry: { type: 'Point' as const, coordinates: [...division.label_point] },
            properties: { tier: division.tier, name: divisionName(division, locale) },
          },
    );
    this.#source('names').setData({ type: 'FeatureCollection', features });
  }

  #colourSites(incidents: Iterable<Incident>): void {
    const now = new Map<number, Priority>();
    for (const incident of incidents) {
      if (!incident.site) continue;
      const held = now.get(incident.site.id);
      if (held === undefined || incident.priority < held) now.set(incident.site.id, incident.priority);
    }
    const at = (id: number) => ({ source: 'sites', sourceLayer: 'sites', id });
    for (const id of this.#sites.keys()) if (!now.has(id)) this.map.removeFeatureState(at(id));
    for (const [id, priority] of now) {
      if (this.#sites.get(id) !== priority) this.map.setFeatureState(at(id), { priority });
    }
    this.#sites = now;
  }

  #source(id: string): GeoJSONSource {
    const source = this.map.getSource<GeoJSONSource>(id);
    if (!source) throw new Error(`the style has no source ${id}`);
    return source;
  }
}
