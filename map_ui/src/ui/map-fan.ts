/** Incidents at one point, spread around it, each with its flat: buttons, so that the keyboard reaches them. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Map as MapLibre } from 'maplibre-gl';
import { named, t } from '../i18n/i18n.ts';
import { fanSpots } from '../map/fan.ts';
import type { Incident, LonLat } from '../model/documents.ts';
import { isUnacknowledged, queueOrder } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { namedSign, signStyles } from './sign.ts';
import { placeOf, whatOf } from './words.ts';

const SHOWN = 40;

@customElement('lf-fan')
export class MapFan extends AppElement {
  @property({ attribute: false }) map!: MapLibre;
  @property({ attribute: false }) at!: LonLat;
  @property({ attribute: false }) incidents: readonly Incident[] = [];
  #move = () => this.place();
  /** The innermost open thing: before the page hears of it, wherever the focus is. */
  #key = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.stopPropagation();
    this.close();
  };

  static override styles = [
    shared,
    ...signStyles,
    css`
      :host {
        position: absolute;
        inset: 0;
        overflow: hidden;
        pointer-events: none;
        z-index: 1;
      }
      .centre {
        position: absolute;
        top: 0;
        left: 0;
      }
      .close {
        width: 32px;
        justify-content: center;
        border: 2px solid var(--accent);
        border-radius: 50%;
      }
      li {
        position: absolute;
      }
      button {
        pointer-events: auto;
        position: absolute;
        transform: translate(-50%, -50%);
        display: flex;
        align-items: center;
        gap: 4px;
        padding: 2px 6px;
        min-height: 32px;
        /* A long name would cover its neighbour, and the middle. */
        max-width: 100px;
        background: var(--surface);
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      p {
        position: absolute;
        transform: translate(-50%, 0);
        top: 20px;
        white-space: nowrap;
        background: var(--surface);
        padding: 0 6px;
        border-radius: 4px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.map.on('move', this.#move);
    window.addEventListener('keydown', this.#key, { capture: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.map.off('move', this.#move);
    window.removeEventListener('keydown', this.#key, { capture: true });
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector('button')?.focus();
  }

  protected override updated(): void {
    const items = [...this.renderRoot.querySelectorAll<HTMLElement>('li')];
    for (const [index, spot] of fanSpots(items.length).entries()) {
      const item = items[index];
      if (item) item.style.transform = `translate(${spot.x}px, ${spot.y}px)`;
    }
    this.place();
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent('close'));
  }

  private place(): void {
    const { x, y } = this.map.project([...this.at]);
    const centre = this.renderRoot.querySelector<HTMLElement>('.centre');
    if (centre) centre.style.transform = `translate(${x}px, ${y}px)`;
  }

  override render(): TemplateResult {
    const shown = queueOrder(this.incidents).slice(0, SHOWN);
    const rest = this.incidents.length - shown.length;
    return html`<div class="centre">
      <ul aria-label=${t('map.fan', { n: this.incidents.length })}>
        ${shown.map(
          (incident) =>
            html`<li>
              <button
                @click=${() => this.app.open(incident.id)}
                title="${whatOf(incident)} · ${placeOf(this.app, incident)}"
              >
                ${namedSign(incident.priority, !isUnacknowledged(incident))}
                <span class="name"
                  >${incident.site?.unit || incident.site?.name || named('category', incident.category)}</span
                >
              </button>
            </li>`,
        )}
      </ul>
      <button
        class="close"
        aria-label=${t('map.fan_close')}
        title="${t('map.fan_close')} (Esc)"
        @click=${this.close}
      >
        ✕
      </button>
      ${rest > 0 ? html`<p>${t('map.fan_more', { n: rest })}</p>` : nothing}
    </div>`;
  }
}
