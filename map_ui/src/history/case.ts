/** One incident of the past, to read: everything that the desk sees of it, and nothing to press. */
import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { detailBody } from '../ui/detail-parts.ts';
import { AppElement } from '../ui/element.ts';
import { detailStyles } from '../ui/incident-detail.css.ts';
import { namedSign, signStyles } from '../ui/sign.ts';
import { stateOf, whatOf } from '../ui/words.ts';
import type { HistoryApp } from './app.ts';

@customElement('lf-case')
export class CasePanel extends AppElement {
  declare app: HistoryApp;

  static override styles = [shared, ...signStyles, detailStyles];

  protected override watched(app: HistoryApp) {
    return [app.opened, app.selected, app.caseProblem, app.places];
  }

  override render(): TemplateResult {
    const { app } = this;
    const shown = app.opened.value;
    if (!shown) {
      return html`<section aria-label=${t('tab.case')}>
        <div class="head">
          <h2 class="name">${t('detail.title', { id: String(app.selected.value ?? '') })}</h2>
          ${this.closeButton()}
        </div>
        ${
          app.caseProblem.value
            ? html`<p class="none problem" role="alert">${app.caseProblem.value}</p>`
            : html`<p class="none" role="status">${t('detail.loading')}</p>`
        }
      </section>`;
    }
    const ended = shown.disposition ? t(`disposition.${shown.disposition}`) : '';
    return html`<section aria-labelledby="detail-title">
      <div class="head">
        ${namedSign(shown.priority, shown.state !== 'new')}
        <div class="name">
          <h2 id="detail-title">${whatOf(shown)}</h2>
          <p class="muted">
            ${t('detail.title', { id: String(shown.id) })}${shown.state === 'closed' ? '' : ` · ${stateOf(shown)}`}
          </p>
        </div>
        ${this.closeButton()}
      </div>
      <div class="scroll" tabindex="0" aria-label=${t('tab.case')} role="region">
        ${
          shown.state === 'closed'
            ? html`<p class="closed" role="status">${t('detail.closed', { disposition: ended })}</p>`
            : ''
        }
        ${detailBody(app, shown, shown)}
      </div>
    </section>`;
  }

  private closeButton(): TemplateResult {
    return html`<button
      class="plain"
      aria-label=${t('detail.close_panel')}
      title="${t('detail.close_panel')} (Esc)"
      @click=${() => this.app.close()}
    >
      ✕
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-case': CasePanel;
  }
}
