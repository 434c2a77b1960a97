/** What the signs mean, and what is drawn. */
import { css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { TOGGLES, type Toggle } from '../map/style.ts';
import { PRIORITIES } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { sign, signStyles } from './sign.ts';

const LABEL = {
  cells: 'map.layer_cells',
  sites: 'map.layer_sites',
  labels: 'map.layer_labels',
  counts: 'map.layer_counts',
} as const;

@customElement('lf-legend')
export class MapLegend extends AppElement {
  @property({ attribute: false }) off: ReadonlySet<Toggle> = new Set();

  static override styles = [
    shared,
    ...signStyles,
    css`
      details {
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 4px;
        padding: 6px 10px;
        min-width: 132px;
      }
      summary {
        cursor: pointer;
      }
      li {
        display: flex;
        gap: 8px;
        align-items: center;
        padding: 3px 0;
      }
      .sign {
        width: 18px;
        height: 18px;
      }
      label {
        display: flex;
        gap: 8px;
        align-items: center;
        min-height: 26px;
        color: var(--text);
      }
      ul {
        padding: 4px 0;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 6px 0 0;
        border-top: 1px solid var(--line);
      }
      p {
        font-size: 13px;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.follow];
  }

  override render(): TemplateResult {
    const { app } = this;
    return html`<details ?open=${window.innerWidth > 1400}>
      <summary>${t('map.legend')} · ${t('map.layers')}</summary>
      <ul>
        ${PRIORITIES.map((priority) => html`<li>${sign(priority)} ${t(`priority.${priority}`)}</li>`)}
        <li>${sign(3, true)} ${t('map.acknowledged')}</li>
      </ul>
      <fieldset aria-label=${t('map.layers')}>
        ${(Object.keys(TOGGLES) as Toggle[]).map(
          (layer) =>
            html`<label>
              <input
                type="checkbox"
                .checked=${!this.off.has(layer)}
                @change=${() => this.dispatchEvent(new CustomEvent('toggle', { detail: layer }))}
              />
              ${t(LABEL[layer])}
            </label>`,
        )}
        <label>
          <input
            type="checkbox"
            .checked=${app.follow.value}
            @change=${() => app.follow.set(!app.follow.value)}
          />
          ${t('map.follow')}
        </label>
      </fieldset>
    </details>`;
  }
}
