/** Says at once that the picture is no longer live, and on return what came meanwhile. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

@customElement('lf-live-banner')
export class LiveBanner extends AppElement {
  static override styles = [
    shared,
    css`
      p {
        display: flex;
        align-items: center;
        gap: 16px;
        padding: 8px 16px;
      }
      .lost {
        background: var(--badGround);
        color: var(--onBad);
        font-weight: 600;
      }
      .back {
        background: var(--chosen);
      }
      span {
        flex: 1;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.live.link, app.live.back, app.live.meanwhile, app.placesProblem];
  }

  override render(): TemplateResult {
    const { live } = this.app;
    const link = live.link.value;
    const n = live.meanwhile.value.size;
    return html`<div role="alert">
        ${
          link.kind === 'lost'
            ? html`<p class="lost">
                <span
                  >${t('live.lost_banner', { since: this.app.clock.second(link.since + live.offsetMs) })}</span
                >
              </p>`
            : nothing
        }
      </div>
      <div role="status">
        ${
          link.kind === 'live' && live.back.value
            ? html`<p class="back">
                <span>${n > 0 ? t('live.back', { n }) : t('live.back_none')}</span>
                <button @click=${() => live.dismissBack()}>${t('live.dismiss')}</button>
              </p>`
            : nothing
        }
        ${
          // Without a line the reason is plain, and said above.
          link.kind !== 'lost' && this.app.placesProblem.value !== null
            ? html`<p class="back"><span>${t('live.no_places')}</span></p>`
            : nothing
        }
      </div>`;
  }
}
