/** Open incidents that no place is known of: they must not be missing from the map without a word. */
import { css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { sign, signStyles } from './sign.ts';
import { whatOf } from './words.ts';

const SHOWN = 50;

@customElement('lf-no-place')
export class NoPlace extends AppElement {
  static override styles = [
    shared,
    ...signStyles,
    css`
      details {
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 4px;
        padding: 4px 10px;
      }
      summary {
        cursor: pointer;
        min-height: 24px;
      }
      ul {
        max-height: 40vh;
        overflow: auto;
      }
      button {
        display: flex;
        gap: 8px;
        align-items: center;
        border: 0;
        background: none;
        width: 100%;
        padding: 2px 0;
      }
      .sign {
        width: 18px;
        height: 18px;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.live.queue];
  }

  override render(): TemplateResult {
    const { app } = this;
    const list = app.live.queue.value.filter((incident) => incident.position === null);
    if (list.length === 0) return html``;
    return html`<details>
      <summary>${t('map.no_place', { n: list.length })}</summary>
      <ul aria-label=${t('map.no_place_list')}>
        ${list.slice(0, SHOWN).map(
          (incident) =>
            html`<li>
              <button @click=${() => app.open(incident.id)}>
                ${sign(incident.priority, !isUnacknowledged(incident))} ${whatOf(incident)} · ${incident.id}
              </button>
            </li>`,
        )}
      </ul>
      ${list.length > SHOWN ? html`<p class="muted">${t('map.fan_more', { n: list.length - SHOWN })}</p>` : ''}
    </details>`;
  }
}
