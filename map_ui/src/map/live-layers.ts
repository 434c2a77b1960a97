/** Keeps the map's live sources equal to the feed: incidents, counts by division, colours of sites. */
import type { Feature } from 'geojson';
import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { DivisionCounts } from '../model/counts.ts';
import type { Incident, Priority } from '../model/documents.ts';
import type { Locale } from '../model/format.ts';
import type { Diff, LiveState } from '../model/live-state.ts';
import { divisionName, type Places } from '../model/places.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { isUrgent, sourceDiff } from './features.ts';
import { imageName } from './images.ts';

/** The queue may hear ten batches a second; the map redraws at most twice. */
const REDRAW_MS = 500;

export class LiveLayers {
  readonly #shown = new Map<number, string>();
  readonly #urgent = new Map<number, string>();
  /** The incidents as the map shows them. */
  readonly #held = new Map<number, Incident>();
  #counts = new DivisionCounts();
  readonly #touched = new Set<number>();
  #sites = new Map<number, Priority>();
  #lastDrawn = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly map: MapLibre,
    private readonly now: () => { state: LiveState; places: Places },
  ) {}

  /** After a new style: the sources are empty again. */
  refill(): void {
    this.#shown.clear();
    this.#urgent.clear();
    this.#held.clear();
    this.#sites.clear();
    this.#counts = new DivisionCounts();
    this.#source('incidents').setData({ type: 'FeatureCollection', features: [] });
    this.#source('urgent').setData({ type: 'FeatureCollection', features: [] });
    for (const id of this.now().state.incidents.keys()) this.#touched.add(id);
    this.#draw();
    this.counts();
  }

  /** Something changed: shown at once, or with what else comes in the half second. */
  apply(diff: Diff): void {
    const { added, updated, removed } = diff.incidents;
    for (const incident of added) this.#touched.add(incident.id);
    for (const incident of updated) this.#touched.add(incident.id);
    for (const id of removed) this.#touched.add(id);
    if (this.#touched.size === 0 || this.#timer !== undefined) return;
    const wait = Math.max(0, this.#lastDrawn + REDRAW_MS - performance.now());
    this.#timer = setTimeout(() => this.#draw(), wait);
  }

  /** While a style is changed, and when the map goes. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    this.pause();
    this.#lastDrawn = performance.now();
    const { incidents } = this.now().state;
    const shown = sourceDiff(this.#shown, this.#touched, incidents);
    if (shown) void this.#source('incidents').updateData(shown);
    const urgent = sourceDiff(this.#urgent, this.#touched, incidents, isUrgent);
    if (urgent) void this.#source('urgent').updateData(urgent);
    if (this.#recount(incidents)) {
      this.counts();
      this.#colourSites();
    }
    this.#touched.clear();
  }

  /** False when nothing that is counted or coloured differs. */
  #recount(incidents: ReadonlyMap<number, Incident>): boolean {
    let differs = false;
    for (const id of this.#touched) {
      const before = this.#held.get(id);
      const after = incidents.get(id);
      if (after) this.#held.set(id, after);
      else this.#held.delete(id);
      if (before && after && sameForCounts(before, after)) continue;
      if (before) this.#counts.remove(before);
      if (after) this.#counts.add(after);
      differs = true;
    }
    return differs;
  }

  /** One point per division with something open; divisions without a point on the map stay in the menu and the queue. */
  counts(): void {
    const { places } = this.now();
    const features: Feature[] = [];
    for (const [code, count] of this.#counts.entries()) {
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
  names(locale: Locale): void {
    const features = nameFeatures(this.now().places, locale);
    this.#source('names').setData({ type: 'FeatureCollection', features });
  }

  #colourSites(): void {
    const now = new Map<number, Priority>();
    for (const incident of this.#held.values()) {
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

export function nameFeatures(places: Places, locale: Locale): Feature[] {
  return [...places.all].flatMap((division) =>
    division.label_point === null
      ? []
      : {
          type: 'Feature' as const,
          geometry: { type: 'Point' as const, coordinates: [...division.label_point] },
          properties: { tier: division.tier, name: divisionName(division, locale) },
        },
  );
}

function sameForCounts(a: Incident, b: Incident): boolean {
  return (
    a.priority === b.priority &&
    isUnacknowledged(a) === isUnacknowledged(b) &&
    a.county === b.county &&
    a.township === b.township &&
    a.village === b.village &&
    a.site?.id === b.site?.id
  );
}
