/** The history page's map: the area that is drawn, and what was found. */
import { css, html, nothing, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type {
  GeoJSONSource,
  LayerSpecification,
  Map as MapLibre,
  MapMouseEvent,
  StyleSpecification,
} from 'maplibre-gl';
import maplibreCss from 'maplibre-gl/dist/maplibre-gl.css?inline';
import { locale, t } from '../i18n/i18n.ts';
import { addBasemap } from '../map/basemap.ts';
import { createMap } from '../map/create.ts';
import { incidentFeature } from '../map/features.ts';
import { putImages } from '../map/images.ts';
import { nameFeatures } from '../map/live-layers.ts';
import { selectionFeatures } from '../map/selection.ts';
import { styleFor } from '../map/style.ts';
import { MAX_ZOOM } from '../map/tiers.ts';
import { showDivision, showHome } from '../map/view.ts';
import type { Incident, LonLat, Session } from '../model/documents.ts';
import { type Palette, PALETTES } from '../theme/palette.ts';
import { shared } from '../theme/shared.ts';
import { theme } from '../theme/theme.ts';
import { mapStyles } from '../ui/command-map.css.ts';
import { AppElement } from '../ui/element.ts';
import type { HistoryApp } from './app.ts';
import { areaFeatures, boxPoints } from './polygon.ts';

/** A click this near to the first corner closes the outline. */
const CLOSE_PX = 14;
const FOUND = ['incident-point', 'incident-cluster'] as const;
/** Layers of the live map that have nothing to say of the past. */
const LIVE_ONLY = /^(count-|urgent-|link)/u;

@customElement('lf-history-map')
export class HistoryMap extends AppElement {
  declare app: HistoryApp;
  @state() private failed = false;
  @state() private tilesFailed = false;
  @state() private basemapFailed = false;
  @query('.map') private container!: HTMLElement;
  #map: MapLibre | null = null;
  #unwatch: (() => void)[] = [];
  #loaded = false;
  #atHome = false;

  static override styles = [
    unsafeCSS(maplibreCss),
    shared,
    mapStyles,
    css`
      .note.strong {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        font-size: 14px;
      }
      .top-left {
        max-width: calc(100% - 76px);
      }
    `,
  ];

  protected override watched(app: HistoryApp) {
    return [app.session, app.drawing, app.area, app.areaProblem];
  }

  /** For tests: what is painted, asked of the map itself. */
  get map(): MapLibre | null {
    return this.#map;
  }

  protected override firstUpdated(): void {
    const session = this.app.session.value;
    if (!session) return;
    try {
      const style = pastStyle(session, PALETTES[theme.value]);
      this.#map = createMap(this.container, session, style, t('history.map'));
    } catch {
      // No WebGL: said on the map's place; a division, and the table, do without it.
      this.failed = true;
      return;
    }
    const map = this.#map;
    map.getCanvas().addEventListener('keydown', (event) => this.key(event));
    map.on('style.load', () => this.filled(session));
    map.on('error', (event) => {
      if ('sourceId' in event) this.tilesFailed = true;
    });
    map.on('resize', () => this.keepChosenInView());
    map.on('click', (event) => void this.clicked(event));
    map.on('dblclick', (event) => {
      if (!this.app.drawing.value) return;
      event.preventDefault();
      this.app.finish();
    });
    for (const layer of FOUND) {
      map.on('mouseenter', layer, () => map.getCanvas().classList.add('pointing'));
      map.on('mouseleave', layer, () => map.getCanvas().classList.remove('pointing'));
    }
    this.follow(session);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#unwatch) end();
    this.#map?.remove();
    this.#map = null;
  }

  private follow(session: Session): void {
    const { app } = this;
    this.#unwatch = [
      app.area.watch(() => this.paintArea()),
      app.drawing.watch(() => this.paintArea()),
      app.found.watch((found, before) => {
        this.paintFound();
        if (found && found.search.id !== before?.search.id) this.showFound();
      }),
      app.selected.watch(() => {
        this.paintChosen();
        this.keepChosenInView();
      }),
      app.viewWanted.watch(() => this.takeView()),
      app.zoomTo.watch((to) => {
        if (to === null || !('division' in to)) return;
        app.zoomTo.set(null);
        const division = app.places.value.get(to.division);
        if (division && this.#map) showDivision(this.#map, division, app.places.value);
      }),
      app.places.watch(() => {
        this.paintNames();
        this.goHome(session);
      }),
      locale.watch(() => this.paintNames()),
      theme.watch((name) => {
        this.#loaded = false;
        this.#map?.setStyle(pastStyle(session, PALETTES[name]), { diff: false });
      }),
    ];
  }

  private filled(session: Session): void {
    const map = this.#map;
    if (!map) return;
    const palette = PALETTES[theme.value];
    putImages(map, palette);
    this.#loaded = true;
    this.paintNames();
    this.paintArea();
    this.paintFound();
    this.paintChosen();
    this.goHome(session);
    if (session.basemap) {
      addBasemap(map, session.basemap, palette, theme.value === 'dark').catch(() => {
        this.basemapFailed = true;
      });
    }
  }

  private goHome(session: Session): void {
    const map = this.#map;
    const places = this.app.places.value;
    if (this.#atHome || !map) return;
    if (!session.installation.bounds && [...places.all].length === 0) return;
    this.#atHome = true;
    showHome(map, session, places, 0);
  }

  private source(id: string): GeoJSONSource | undefined {
    return this.#loaded ? this.#map?.getSource<GeoJSONSource>(id) : undefined;
  }

  private paintNames(): void {
    this.source('names')?.setData({
      type: 'FeatureCollection',
      features: nameFeatures(this.app.places.value, locale.value),
    });
  }

  private paintArea(): void {
    const { app } = this;
    this.source('area')?.setData({
      type: 'FeatureCollection',
      features: areaFeatures(app.area.value, app.drawing.value),
    });
  }

  private paintFound(): void {
    const incidents = this.app.found.value?.incidents ?? [];
    this.source('incidents')?.setData({
      type: 'FeatureCollection',
      features: incidents.flatMap((incident) => incidentFeature(incident) ?? []),
    });
  }

  private get chosen(): Incident | undefined {
    const { found, selected } = this.app;
    return found.value?.incidents.find((incident) => incident.id === selected.value);
  }

  /** Also when the case that opens beside the map takes the room. */
  private keepChosenInView(): void {
    const at = this.chosen?.position;
    if (at && this.#map && !this.#map.getBounds().contains([...at])) this.#map.panTo([...at]);
  }

  private paintChosen(): void {
    const { chosen } = this;
    this.source('selection')?.setData({
      type: 'FeatureCollection',
      features: chosen ? selectionFeatures(chosen, []) : [],
    });
  }

  /** Brings all that was found into view, once for each search. */
  private showFound(): void {
    const places = (this.app.found.value?.incidents ?? []).flatMap(({ position }) =>
      position ? [position] : [],
    );
    if (places.length === 0 || !this.#map) return;
    const lons = places.map(([lon]) => lon);
    const lats = places.map(([, lat]) => lat);
    this.#map.fitBounds(
      [
        [Math.min(...lons), Math.min(...lats)],
        [Math.max(...lons), Math.max(...lats)],
      ],
      { padding: 48, maxZoom: 15, duration: 300 },
    );
  }

  private takeView(): void {
    const bounds = this.#map?.getBounds();
    if (!bounds) return;
    this.app.drawing.set(false);
    this.app.setArea(boxPoints(bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()));
  }

  private key(event: KeyboardEvent): void {
    const { app } = this;
    if (!app.drawing.value) return;
    if (event.key === 'Enter') app.finish();
    else if (event.key === 'Backspace') app.undoPoint();
    else if (event.key === 'Escape') app.clearArea();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private async clicked(event: MapMouseEvent): Promise<void> {
    const map = this.#map;
    if (!map) return;
    const { app } = this;
    if (app.drawing.value) {
      const first = app.area.value[0];
      const near =
        first !== undefined &&
        map.project([...first]).dist(event.point) < CLOSE_PX &&
        app.area.value.length >= 3;
      if (near) app.finish();
      // The second click of a double one stands where the first did, and is no corner of its own.
      else if (event.originalEvent.detail < 2)
        app.addPoint([event.lngLat.lng, event.lngLat.lat] satisfies LonLat);
      return;
    }
    const [hit] = map.queryRenderedFeatures(event.point, { layers: [...FOUND] });
    if (!hit) return;
    const cluster = hit.properties['cluster_id'] as number | undefined;
    if (cluster === undefined) {
      app.open(Number(hit.properties['id']));
      return;
    }
    const zoom = await this.source('incidents')?.getClusterExpansionZoom(cluster);
    const [lng, lat] = (hit.geometry as GeoJSON.Point).coordinates as [number, number];
    map.easeTo({ center: [lng, lat], zoom: Math.min(zoom ?? MAX_ZOOM, MAX_ZOOM - 1), duration: 300 });
  }

  /** Beside what is drawn: on a phone the form lies far above it, and there are no keys. */
  private drawing(): TemplateResult {
    const { app } = this;
    const points = app.area.value.length;
    return html`<div class="note strong">
      <p role="status">${t('history.drawing')}</p>
      <button class="primary" ?disabled=${points < 3} @click=${() => app.finish()}>
        ${t('history.finish')}
      </button>
      <button ?disabled=${points === 0} @click=${() => app.undoPoint()}>${t('history.undo')}</button>
      <button @click=${() => app.clearArea()}>${t('history.clear_area')}</button>
    </div>`;
  }

  override render(): TemplateResult {
    const { app } = this;
    return html`<div class="whole ${app.drawing.value ? 'picking' : ''}">
      <div class="map"></div>
      ${this.failed ? html`<p class="failed" role="alert">${t('history.map_failed')}</p>` : nothing}
      <div class="corner top-left">
        ${app.drawing.value ? this.drawing() : nothing}
        ${this.tilesFailed ? html`<p class="note" role="status">${t('map.tiles_failed')}</p>` : nothing}
        ${this.basemapFailed ? html`<p class="note" role="status">${t('map.basemap_failed')}</p>` : nothing}
        ${app.areaProblem.value ? html`<p class="note" role="alert">${t('history.crosses')}</p>` : nothing}
      </div>
      <div class="corner top-right buttons">
        <button aria-label=${t('map.zoom_in')} title=${t('map.zoom_in')} @click=${() => this.#map?.zoomIn()}>
          +
        </button>
        <button
          aria-label=${t('map.zoom_out')}
          title=${t('map.zoom_out')}
          @click=${() => this.#map?.zoomOut()}
        >
          −
        </button>
      </div>
      <div class="corner bottom-right">
        ${app.session.value?.installation.synthetic ? html`<p class="note">${t('map.synthetic')}</p>` : nothing}
      </div>
    </div>`;
  }
}

/** The live map's style without what only the present has, single incidents at every zoom, and the area below them. */
function pastStyle(session: Session, palette: Palette): StyleSpecification {
  const style = styleFor(session, palette);
  const { counts: _counts, urgent: _urgent, ...sources } = style.sources;
  const layers = style.layers.filter((layer) => !LIVE_ONLY.test(layer.id));
  const below = layers.findIndex((layer) => layer.id.startsWith('incident-'));
  return {
    ...style,
    sources: { ...sources, area: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } } },
    layers: [...layers.slice(0, below), ...areaLayers(palette), ...layers.slice(below)].map((layer) =>
      layer.id.startsWith('incident-') ? { ...layer, minzoom: 0, maxzoom: 24 } : layer,
    ),
  };
}

function areaLayers(palette: Palette): LayerSpecification[] {
  return [
    {
      id: 'area-fill',
      type: 'fill',
      source: 'area',
      filter: ['==', ['geometry-type'], 'Polygon'],
      paint: { 'fill-color': palette.accent, 'fill-opacity': 0.14 },
    },
    {
      id: 'area-line',
      type: 'line',
      source: 'area',
      filter: ['!=', ['geometry-type'], 'Point'],
      paint: { 'line-color': palette.accent, 'line-width': 2 },
    },
    {
      id: 'area-corner',
      type: 'circle',
      source: 'area',
      filter: ['==', ['geometry-type'], 'Point'],
      paint: {
        'circle-radius': ['case', ['get', 'first'], 7, 5],
        'circle-color': palette.surface,
        'circle-stroke-color': palette.accent,
        'circle-stroke-width': 2,
      },
    },
  ];
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-history-map': HistoryMap;
  }
}
