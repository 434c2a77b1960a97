/** An incident by hand: somebody telephoned. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { report } from '../api/endpoints.ts';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import type { Category, LonLat } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

/** What people telephone about; technical categories come from devices. */
const CALLS: readonly Category[] = [
  'panic',
  'burglary',
  'holdup',
  'fire',
  'medical',
  'gas',
  'environment',
  'information',
];

@customElement('lf-report')
export class ReportForm extends AppElement {
  @state() private place: LonLat | null = null;
  @state() private sending = false;
  @state() private problem: string | null = null;

  static override styles = [
    shared,
    css`
      :host {
        display: block;
        overflow: auto;
        height: 100%;
        padding: 12px 16px;
      }
      header {
        display: flex;
        justify-content: space-between;
        align-items: center;
      }
      h2 {
        font-size: 18px;
      }
      form {
        display: grid;
        gap: 12px;
        padding-top: 8px;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        align-items: center;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.picking];
  }

  override firstUpdated(): void {
    this.focusForm();
  }

  /** What is typed next belongs here, and is no command. */
  focusForm(): void {
    this.renderRoot.querySelector('select')?.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.app.picking.set(null);
  }

  private pick(): void {
    this.app.picking.set((place) => {
      this.place = place;
      this.app.picking.set(null);
      this.app.tab.set('case');
    });
    this.app.tab.set('map');
  }

  private async submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const field = (name: string) => String(data.get(name) ?? '').trim();
    if (!field('title')) {
      this.problem = t('report.missing');
      this.renderRoot.querySelector<HTMLElement>('[name=title]')?.focus();
      return;
    }
    this.sending = true;
    this.problem = null;
    try {
      const made = await report({
        category: field('category'),
        ...(this.place ? { position: this.place } : {}),
        title: field('title'),
        text: field('text'),
        caller_name: field('caller_name'),
        caller_phone: field('caller_phone'),
      });
      // Thrown away meanwhile, or a case is being worked on: the new one waits in the queue like any other.
      if (!this.isConnected) return;
      const waits = this.app.reportWaits.value;
      this.app.endReport();
      if (!waits) this.app.open(made.id);
    } catch (problem) {
      this.problem = explain(problem);
    } finally {
      this.sending = false;
    }
  }

  override render(): TemplateResult {
    const picking = this.app.picking.value !== null;
    return html`<header>
        <h2>${t('report.title')}</h2>
        <button
          class="plain"
          aria-label=${t('action.cancel')}
          title="Esc"
          @click=${() => this.app.endReport()}
        >
          ✕
        </button>
      </header>
      <form @submit=${this.submit} novalidate>
        <label>
          ${t('report.category')}
          <select name="category">
            ${CALLS.map((category) => html`<option value=${category}>${t(`category.${category}`)}</option>`)}
          </select>
        </label>
        <label>${t('report.what')}<input name="title" maxlength="200" required /></label>
        <label>${t('report.text')}<textarea name="text" rows="3" maxlength="2000"></textarea></label>
        <label
          >${t('report.caller_name')}<input name="caller_name" maxlength="100" autocomplete="off"
        /></label>
        <label
          >${t('report.caller_phone')}<input name="caller_phone" type="tel" maxlength="30" autocomplete="off"
        /></label>
        <div>
          <p class="muted">${t('report.place')}</p>
          <p role="status">
            ${
              picking
                ? t('report.picking')
                : this.place
                  ? t('report.picked', { lon: this.place[0].toFixed(5), lat: this.place[1].toFixed(5) })
                  : t('report.no_place')
            }
          </p>
          <div class="buttons">
            <button type="button" aria-pressed=${picking ? 'true' : 'false'} @click=${this.pick}>
              ${t('report.pick')}
            </button>
            ${
              this.place
                ? html`<button
                    type="button"
                    class="plain"
                    @click=${() => {
                      this.place = null;
                    }}
                  >
                    ${t('report.clear_place')}
                  </button>`
                : nothing
            }
          </div>
        </div>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="buttons">
          <button class="primary" type="submit" ?disabled=${this.sending}>
            ${this.sending ? t('action.sending') : t('report.submit')}
          </button>
          <button type="button" @click=${() => this.app.endReport()}>${t('action.cancel')}</button>
        </div>
      </form>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-report': ReportForm;
  }
}
