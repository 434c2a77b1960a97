/** A pin on the map: the map moves under a cross, so that no thumb covers the place. MapLibre is loaded only for this. */
import { css, html, nothing, type TemplateResult, unsafeCSS } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type { Map as MapLibre } from 'maplibre-gl';
import maplibreCss from 'maplibre-gl/dist/maplibre-gl.css?inline';
import { t } from '../i18n/i18n.ts';
import { PALETTES } from '../theme/palette.ts';
import { shared } from '../theme/shared.ts';
import { theme } from '../theme/theme.ts';
import { locate } from './api.ts';
import { lastPlace } from './memory.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';

const PLACE_ZOOM = 16;

@customElement('lf-pin-step')
export class PinStep extends StepElement {
  @state() private failed = false;
  @query('.map') private container!: HTMLElement;
  #map: MapLibre | null = null;

  static override styles = [
    unsafeCSS(maplibreCss),
    shared,
    phone,
    css`
      .whole {
        position: relative;
        min-height: 0;
      }
      .map {
        position: absolute;
        inset: 0;
      }
      .cross {
        position: absolute;
        left: calc(50% - 20px);
        top: calc(50% - 20px);
        width: 40px;
        height: 40px;
        pointer-events: none;
      }
      .cross path {
        fill: none;
        stroke: var(--bad);
        stroke-width: 3;
      }
      .cross .edge {
        stroke: var(--surface);
        stroke-width: 6;
      }
      .zoom {
        position: absolute;
        right: 12px;
        top: 12px;
        display: grid;
        gap: 8px;
      }
      .zoom button {
        min-width: 48px;
        background: var(--surface);
      }
      .failed {
        padding: 24px;
      }
    `,
  ];

  /** For tests: what is shown, asked of the map itself. */
  get map(): MapLibre | null {
    return this.#map;
  }

  protected override async firstUpdated(): Promise<void> {
    const session = this.app.session.value;
    if (!session) return;
    const [{ createMap }, { styleFor }, { addBasemap }] = await Promise.all([
      import('../map/create.ts'),
      import('../map/style.ts'),
      import('../map/basemap.ts'),
    ]);
    if (!this.isConnected) return;
    const start = this.app.job.value.location?.position ?? lastPlace()?.position;
    const palette = PALETTES[theme.value];
    try {
      this.#map = createMap(this.container, session, styleFor(session, palette), t('install.pin.title'));
    } catch {
      this.failed = true; // no WebGL: the other ways to give a place are one step back
      return;
    }
    const map = this.#map;
    const { bounds } = session.installation;
    if (start) map.jumpTo({ center: [...start], zoom: PLACE_ZOOM });
    else if (bounds) map.fitBounds([...bounds], { padding: 24, duration: 0 });
    map.on('style.load', () => {
      if (session.basemap) {
        addBasemap(map, session.basemap, palette, theme.value === 'dark').catch(() => {
          this.problem = t('map.basemap_failed');
        });
      }
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#map?.remove();
    this.#map = null;
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const center = this.#map?.getCenter();
    if (!center) return;
    void this.send(async () => {
      const location = await locate([Number(center.lng.toFixed(6)), Number(center.lat.toFixed(6))], 'WGS84');
      this.app.located(location, null);
    });
  }

  override render(): TemplateResult {
    return html`<form @submit=${this.submit} novalidate>
      <div class="whole">
        <div class="map"></div>
        ${
          this.failed
            ? html`<p class="failed" role="alert">${t('install.pin.failed')}</p>`
            : html`<svg class="cross" viewBox="0 0 40 40" role="img" aria-label=${t('install.pin.cross')}>
                  <path class="edge" d="M20 2v14M20 24v14M2 20h14M24 20h14" />
                  <path d="M20 2v14M20 24v14M2 20h14M24 20h14" />
                </svg>
                <div class="zoom">
                  <button type="button" aria-label=${t('map.zoom_in')} @click=${() => this.#map?.zoomIn()}>
                    +
                  </button>
                  <button type="button" aria-label=${t('map.zoom_out')} @click=${() => this.#map?.zoomOut()}>
                    −
                  </button>
                </div>`
        }
      </div>
      ${this.failed ? nothing : this.footer(t('install.pin.use'), t('install.loading'))}
    </form>`;
  }
}
