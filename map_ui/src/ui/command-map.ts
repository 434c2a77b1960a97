/** The map in the middle: tiers, counts, incidents, the chosen one with its links. */

import { html, nothing, type PropertyValues, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type { GeoJSONSource, Map as MapLibre, MapMouseEvent } from 'maplibre-gl';
import maplibreCss from 'maplibre-gl/dist/maplibre-gl.css?inline';
import type { App } from '../app.ts';
import { locale, t } from '../i18n/i18n.ts';
import { addBasemap } from '../map/basemap.ts';
import { createMap } from '../map/create.ts';
import { putImages } from '../map/images.ts';
import { LiveLayers } from '../map/live-layers.ts';
import { openCluster } from '../map/clusters.ts';
import { SelectionLayer } from '../map/selection.ts';
import { COUNT_LAYERS, INCIDENT_LAYERS, styleFor, TOGGLES, type Toggle } from '../map/style.ts';
import { BREAKS } from '../map/tiers.ts';
import { applyBreaks, divisionInView, showDivision, showHome, showPoint } from '../map/view.ts';
import type { Incident, LonLat } from '../model/documents.ts';
import { PALETTES } from '../theme/palette.ts';
import { shared } from '../theme/shared.ts';
import { theme } from '../theme/theme.ts';
import { mapStyles } from './command-map.css.ts';
import { AppElement } from './element.ts';
import './map-legend.ts';
import './map-fan.ts';
import './no-place.ts';

/** What of a source could not be read: one tile, or what says where its tiles are. */
interface Missing {
  sourceId: string;
  tile?: { tileID: { canonical: { z: number; x: number; y: number } } };
}

@customElement('lf-map')
export class CommandMap extends AppElement {
  @state() private failed = false;
  @state() private missing: readonly Missing[] = [];
  @state() private basemapFailed = false;
  @state() private fan: { at: LonLat; incidents: Incident[] } | null = null;
  @state() private off: ReadonlySet<Toggle> = new Set();
  @query('.map') private container!: HTMLElement;
  #map: MapLibre | null = null;
  #live: LiveLayers | null = null;
  #selection: SelectionLayer | null = null;
  #unwatch: (() => void)[] = [];
  #loaded = false;
  #atHome = false;
  #breaks = BREAKS;

  static override styles = [unsafeCSS(maplibreCss), shared, mapStyles];

  protected override watched(app: App) {
    return [app.live.queue, app.session, app.picking, app.places, app.now];
  }

  focusMap(): void {
    this.#map?.getCanvas().focus();
  }

  /** For tests and benchmarks: what is painted, asked of the map itself. */
  get map(): MapLibre | null {
    return this.#map;
  }

  protected override firstUpdated(): void {
    const session = this.app.session.value;
    if (!session) return;
    try {
      const style = styleFor(session, PALETTES[theme.value]);
      this.#map = createMap(this.container, session, style, t('map.region'));
    } catch {
      // No WebGL: said on the map's place, and the queue works on.
      this.failed = true;
      return;
    }
    const map = this.#map;
    this.#live = new LiveLayers(map, () => ({ state: this.app.live.state, places: this.app.places.value }));
    this.#selection = new SelectionLayer(map, this.app);
    // Not 'load', which waits for every tile: alarms must not wait for the ground.
    map.on('style.load', () => this.filled());
    map.on('error', (event) => {
      if ('sourceId' in event) this.missing = [...this.missing, event as unknown as Missing];
    });
    map.on('click', (event) => this.clicked(event));
    map.on('moveend', (event) => {
      if (!('named' in event)) this.app.focus.set(divisionInView(map, this.#breaks));
    });
    map.on('zoomstart', () => {
      this.fan = null;
    });
    for (const layer of [...INCIDENT_LAYERS, ...COUNT_LAYERS]) {
      map.on('mouseenter', layer, () => map.getCanvas().classList.add('pointing'));
      map.on('mouseleave', layer, () => map.getCanvas().classList.remove('pointing'));
    }
    this.follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#unwatch) end();
    this.#live?.pause();
    this.#map?.remove();
    this.#map = null;
  }

  private follow(): void {
    const { app } = this;
    this.#unwatch = [
      app.live.batch.watch(({ diff }) => {
        if (this.#loaded) this.#live?.apply(diff);
        this.#selection?.draw();
        if (this.fan) {
          const still = this.fan.incidents.flatMap((incident) => app.incident(incident.id) ?? []);
          this.fan = still.length > 0 ? { ...this.fan, incidents: still } : null;
        }
      }),
      app.live.link.watch((link, before) => {
        if (link.kind === 'live' && before.kind !== 'live') this.readAgain();
      }),
      app.places.watch(() => {
        if (this.#loaded) {
          this.#live?.counts();
          this.#live?.names(locale.value);
        }
        this.goHome();
      }),
      app.focus.watch(() => this.applyBreaks()),
      app.selected.watch(() => {
        this.#selection?.draw();
      }),
      app.zoomTo.watch((to) => {
        if (to === null) return;
        app.zoomTo.set(null);
        if ('incident' in to) this.zoomToIncident(to.incident);
        else this.zoomToDivision(to.division);
      }),
      theme.watch(() => this.restyle()),
      locale.watch((language) => {
        if (this.#loaded) this.#live?.names(language);
      }),
    ];
  }

  /** The style is there: images, live data, base map. */
  private filled(): void {
    const { app } = this;
    const map = this.#map;
    const session = app.session.value;
    if (!map || !session) return;
    const palette = PALETTES[theme.value];
    this.missing = [];
    putImages(map, palette);
    this.#live?.refill();
    this.#live?.names(locale.value);
    this.#loaded = true;
    this.#selection?.draw();
    this.applyToggles();
    this.applyBreaks();
    this.goHome();
    if (session.basemap) {
      addBasemap(map, session.basemap, palette, theme.value === 'dark').catch(() => {
        this.basemapFailed = true;
      });
    }
  }

  /** The line is there again: what could not be read while it was not, or the note about it stays all night. */
  private readAgain(): void {
    const { missing } = this;
    this.missing = missing.filter(({ tile }) => !tile);
    for (const { sourceId, tile } of missing) {
      // Named one by one: asked for all of a source, MapLibre waits for ever for those that failed.
      if (tile && this.#map?.getSource(sourceId)) this.#map.refreshTiles(sourceId, [tile.tileID.canonical]);
    }
    this.#selection?.readAgain();
  }

  private restyle(): void {
    const map = this.#map;
    const session = this.app.session.value;
    if (!map || !session) return;
    this.#loaded = false;
    this.#live?.pause();
    map.setStyle(styleFor(session, PALETTES[theme.value]), { diff: false });
  }

  /** Once, as soon as it is known what the area is. The view never jumps by itself afterwards. */
  private goHome(): void {
    const map = this.#map;
    const session = this.app.session.value;
    if (this.#atHome || !map || !session) return;
    const places = this.app.places.value;
    if (!session.installation.bounds && [...places.all].length === 0) return;
    this.#atHome = true;
    showHome(map, session, places, 0);
  }

  private zoomToIncident(id: number): void {
    const incident = this.app.incident(id);
    if (!incident?.position || !this.#map) return;
    this.app.focus.set(this.app.places.value.leaf(incident));
    showPoint(this.#map, incident.position);
  }

  private zoomToDivision(code: string | null): void {
    const map = this.#map;
    const session = this.app.session.value;
    if (!map || !session) return;
    const places = this.app.places.value;
    const division = places.get(code);
    if (division) showDivision(map, division, places);
    else showHome(map, session, places);
  }

  private async clicked(event: MapMouseEvent): Promise<void> {
    const map = this.#map;
    if (!map) return;
    const pick = this.app.picking.value;
    if (pick) {
      pick([Number(event.lngLat.lng.toFixed(6)), Number(event.lngLat.lat.toFixed(6))]);
      return;
    }
    const box: [[number, number], [number, number]] = [
      [event.point.x - 6, event.point.y - 6],
      [event.point.x + 6, event.point.y + 6],
    ];
    const [hit] = map.queryRenderedFeatures(box, { layers: [...INCIDENT_LAYERS] });
    if (hit) {
      const cluster = hit.properties['cluster_id'] as number | undefined;
      if (cluster === undefined) this.app.open(Number(hit.properties['id']));
      else await this.openCluster(hit.source, cluster, hit.geometry as GeoJSON.Point);
      return;
    }
    if (this.fan) {
      this.fan = null;
      return;
    }
    const [count] = map.queryRenderedFeatures(box, { layers: [...COUNT_LAYERS] });
    const code = (count?.properties['code'] as string | undefined) ?? this.divisionBelow(event);
    if (code) {
      this.app.focus.set(code);
      this.zoomToDivision(code);
    }
  }

  /** The division under the pointer one tier below what is shown. */
  private divisionBelow(event: MapMouseEvent): string | undefined {
    const tier = this.app.places.value.get(this.app.focus.value)?.tier ?? 1;
    return this.#map
      ?.queryRenderedFeatures(event.point, { layers: ['division-fill'] })
      .map((feature) => feature.properties as { code: string; tier: number })
      .find((division) => division.tier === tier + 1)?.code;
  }

  /** A cluster opens by zooming while its members lie apart, and fans out when they lie at one point. */
  private async openCluster(sourceId: string, cluster: number, point: GeoJSON.Point): Promise<void> {
    const map = this.#map;
    const source = map?.getSource<GeoJSONSource>(sourceId);
    if (!map || !source) return;
    const opened = await openCluster(map, source, cluster, point, (id) => this.app.incident(id));
    if (opened) this.fan = opened;
  }

  private applyBreaks(): void {
    const map = this.#map;
    const places = this.app.places.value;
    if (map && this.#loaded) this.#breaks = applyBreaks(map, places.get(this.app.focus.value), places);
  }

  private applyToggles(): void {
    const map = this.#map;
    if (!map) return;
    for (const [toggle, layers] of Object.entries(TOGGLES)) {
      const visibility = this.off.has(toggle as Toggle) ? 'none' : 'visible';
      for (const layer of layers) map.setLayoutProperty(layer, 'visibility', visibility);
    }
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('off') && this.#loaded) this.applyToggles();
  }

  override render(): TemplateResult {
    const { app } = this;
    const session = app.session.value;
    return html`<div class="whole ${app.picking.value ? 'picking' : ''}">
      <div class="map"></div>
      ${this.failed ? html`<p class="failed" role="alert">${t('map.failed')}</p>` : nothing}
      <div class="corner top-left">
        ${app.picking.value ? html`<p class="note strong" role="status">${t('report.picking')}</p>` : nothing}
        ${this.missing.length > 0 ? html`<p class="note" role="status">${t('map.tiles_failed')}</p>` : nothing}
        ${this.basemapFailed ? html`<p class="note" role="status">${t('map.basemap_failed')}</p>` : nothing}
        <lf-no-place .app=${app}></lf-no-place>
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
        <button
          title=${t('map.overview')}
          @click=${() => {
            app.focus.set(null);
            this.zoomToDivision(null);
          }}
        >
          ${t('map.overview')}
        </button>
      </div>
      <div class="corner bottom-right">
        <lf-legend
          .app=${app}
          .off=${this.off}
          @toggle=${(event: CustomEvent<Toggle>) => this.toggle(event.detail)}
        ></lf-legend>
        ${session?.installation.synthetic ? html`<p class="note">${t('map.synthetic')}</p>` : nothing}
      </div>
      ${
        this.fan && this.#map
          ? html`<lf-fan
              .app=${app}
              .map=${this.#map}
              .at=${this.fan.at}
              .incidents=${this.fan.incidents}
              @close=${this.foldFan}
            ></lf-fan>`
          : nothing
      }
    </div>`;
  }

  private foldFan(): void {
    // The focus that goes with it stays on the map, and is nobody else's.
    if (this.renderRoot.querySelector('lf-fan:focus-within')) this.focusMap();
    this.fan = null;
  }

  private toggle(layer: Toggle): void {
    const hidden = new Set(this.off);
    if (!hidden.delete(layer)) hidden.add(layer);
    this.off = hidden;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-map': CommandMap;
  }
}
