/** What is asked, beginning with what for: without a purpose nothing is searched. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { locale, named, t } from '../i18n/i18n.ts';
import { CATEGORIES, DISPOSITIONS, PRIORITIES } from '../model/documents.ts';
import { divisionName } from '../model/places.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from '../ui/element.ts';
import { sign, signStyles } from '../ui/sign.ts';
import type { HistoryApp } from './app.ts';
import { type Asked, PERIODS, type Period, type WrongField, wrongField } from './query.ts';

/** 00:00, 00:30 ... 24:00 */
const HALF_HOURS = Array.from(
  { length: 49 },
  (_, n) => `${String(Math.floor(n / 2)).padStart(2, '0')}:${n % 2 === 0 ? '00' : '30'}`,
);

@customElement('lf-search-form')
export class SearchForm extends AppElement {
  declare app: HistoryApp;
  @state() private period: Period = 'month';
  /** From the county down, as far as chosen. */
  @state() private chosen: readonly string[] = [];
  @state() private wrong: WrongField | null = null;

  static override styles = [
    shared,
    ...signStyles,
    css`
      :host {
        display: block;
        background: var(--surface);
      }
      form {
        display: grid;
        gap: 14px;
        padding: 16px;
      }
      h2 {
        font-size: 18px;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
        min-width: 0;
        display: grid;
        gap: 6px;
      }
      legend {
        padding: 0;
        color: var(--muted);
        margin-bottom: 4px;
      }
      .pair {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 8px;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      summary {
        cursor: pointer;
        min-height: 32px;
        padding: 6px 0;
        color: var(--text);
      }
      .boxes {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 2px 12px;
      }
      .boxes label {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 32px;
        color: var(--text);
      }
      .boxes .sign {
        width: 20px;
        height: 20px;
      }
      .one {
        grid-template-columns: 1fr;
      }
      [name='purpose'] {
        resize: vertical;
      }
      .go {
        position: sticky;
        bottom: 0;
        padding: 8px 16px;
        margin: 0 -16px -16px;
        background: var(--surface);
        border-top: 1px solid var(--line);
      }
      .go button {
        width: 100%;
        min-height: 44px;
        font-size: 16px;
      }
      @media (max-width: 700px) {
        .boxes label,
        summary {
          min-height: 44px;
        }
      }
    `,
  ];

  protected override watched(app: HistoryApp) {
    return [app.places, app.searching, app.area, app.drawing];
  }

  private asked(form: HTMLFormElement): Asked {
    const data = new FormData(form);
    const field = (name: string) => String(data.get(name) ?? '');
    return {
      purpose: field('purpose'),
      period: this.period,
      from: field('from'),
      to: field('to'),
      hoursFrom: field('hours_from'),
      hoursTo: field('hours_to'),
      division: this.chosen.at(-1) ?? '',
      categories: data.getAll('category').map(String),
      dispositions: data.getAll('disposition').map(String),
      priorities: data.getAll('priority').map(Number),
      text: field('text'),
      area: this.app.drawing.value ? [] : this.app.area.value,
    };
  }

  private async submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    // What is being drawn is meant: closed if it can be, or else said beside the map.
    if (this.app.drawing.value && this.app.area.value.length > 0 && !this.app.finish()) return;
    const asked = this.asked(event.target as HTMLFormElement);
    this.wrong = wrongField(asked);
    if (this.wrong) {
      const name = this.wrong === 'hours' ? 'hours_from' : this.wrong;
      this.renderRoot.querySelector<HTMLElement>(`[name=${name}]`)?.focus();
      return;
    }
    await this.app.search(asked);
  }

  override render(): TemplateResult {
    const { app } = this;
    return html`<form @submit=${this.submit} novalidate aria-labelledby="title">
      <h2 id="title">${t('history.ask')}</h2>
      <label>
        ${t('history.purpose')}
        <textarea
          name="purpose"
          rows="2"
          maxlength="200"
          required
          aria-describedby="purpose-hint"
          aria-invalid=${this.wrong === 'purpose' ? 'true' : 'false'}
        ></textarea>
      </label>
      ${
        this.wrong === 'purpose'
          ? html`<p class="problem" id="purpose-hint" role="alert">${t('history.purpose_missing')}</p>`
          : html`<p class="muted" id="purpose-hint">${t('history.purpose_hint')}</p>`
      }
      ${this.times()} ${this.hours()} ${this.where()} ${this.what()}
      <label>
        ${t('history.text')}
        <input name="text" maxlength="100" placeholder=${t('history.text_hint')} />
      </label>
      <div class="go">
        <button class="primary" type="submit" ?disabled=${app.searching.value}>
          ${app.searching.value ? t('history.searching') : t('history.search')}
        </button>
      </div>
    </form>`;
  }

  private times(): TemplateResult {
    return html`<fieldset>
      <label>
        ${t('history.period')}
        <select
          name="period"
          @change=${(event: Event) => {
            this.period = (event.target as HTMLSelectElement).value as Period;
          }}
        >
          ${PERIODS.map(
            (period) =>
              html`<option value=${period} ?selected=${period === this.period}>
                ${t(`history.period_${period}`)}
              </option>`,
          )}
        </select>
      </label>
      ${
        this.period === 'between'
          ? html`<div class="pair one">
              <label>${t('history.from')}<input type="datetime-local" name="from" /></label>
              <label
                >${t('history.to')}<input
                  type="datetime-local"
                  name="to"
                  aria-invalid=${this.wrong === 'to' ? 'true' : 'false'}
              /></label>
              ${
                this.wrong === 'to'
                  ? html`<p class="problem" role="alert">${t('history.to_wrong')}</p>`
                  : nothing
              }
            </div>`
          : nothing
      }
    </fieldset>`;
  }

  private hours(): TemplateResult {
    const wrong = this.wrong === 'hours';
    return html`<fieldset>
      <legend>${t('history.hours', { zone: this.app.clock.timeZone })}</legend>
      <div class="pair">
        ${this.clock('hours_from', t('history.hours_from'), wrong)}
        ${this.clock('hours_to', t('history.hours_to'), wrong)}
      </div>
      ${
        wrong
          ? html`<p class="problem" role="alert">${t('history.hours_wrong')}</p>`
          : html`<p class="muted">${t('history.hours_hint')}</p>`
      }
    </fieldset>`;
  }

  /** A choice, not a field for a time: browsers show that by their own country's clock, with or without noon. */
  private clock(name: string, label: string, wrong: boolean): TemplateResult {
    return html`<label
      >${label}
      <select name=${name} aria-invalid=${wrong ? 'true' : 'false'}>
        <option value="">–</option>
        ${HALF_HOURS.map((clock) => html`<option value=${clock}>${clock}</option>`)}
      </select></label
    >`;
  }

  private where(): TemplateResult {
    const { app } = this;
    const places = app.places.value;
    const city = app.session.value?.installation.city_code ?? '';
    const levels = [city, ...this.chosen].slice(0, 3).filter((code) => places.children(code).length > 0);
    const points = app.area.value.length;
    return html`<fieldset>
        <legend>${t('history.division')}</legend>
        ${levels.map(
          (parent, level) =>
            html`<select
              aria-label=${t(`tier.${(level + 2) as 2 | 3 | 4}`)}
              @change=${(event: Event) => this.choose(level, (event.target as HTMLSelectElement).value)}
            >
              <option value="" ?selected=${this.chosen[level] === undefined}>
                ${t(level === 0 ? 'history.anywhere' : 'history.all_of_it')}
              </option>
              ${places
                .children(parent)
                .map(
                  (division) =>
                    html`<option value=${division.code} ?selected=${this.chosen[level] === division.code}>
                      ${divisionName(division, locale.value)}
                    </option>`,
                )}
            </select>`,
        )}
      </fieldset>
      <fieldset>
        <legend>${t('history.area')}</legend>
        <div class="buttons">
          ${
            app.drawing.value
              ? nothing // on the map, where one looks then
              : html`<button type="button" @click=${() => app.draw()}>${t('history.draw')}</button>
                  <button type="button" @click=${() => app.viewWanted.set(app.viewWanted.value + 1)}>
                    ${t('history.use_view')}
                  </button>`
          }
          ${
            points > 0 && !app.drawing.value
              ? html`<button type="button" @click=${() => app.clearArea()}>
                  ${t('history.clear_area')}
                </button>`
              : nothing
          }
        </div>
        <p class="muted" role="status">
          ${points >= 3 ? t('history.area_points', { n: points }) : t('history.area_none')}
        </p>
      </fieldset>`;
  }

  private choose(level: number, code: string): void {
    this.chosen = code ? [...this.chosen.slice(0, level), code] : this.chosen.slice(0, level);
    const { app } = this;
    app.zoomTo.set({ division: this.chosen.at(-1) ?? app.session.value?.installation.city_code ?? null });
  }

  private what(): TemplateResult {
    return html`<div>
      <details>
        <summary>${t('history.category')}</summary>
        <div class="boxes">
          ${CATEGORIES.map(
            (category) =>
              html`<label
                ><input
                  type="checkbox"
                  name="category"
                  value=${category}
                />${named('category', category)}</label
              >`,
          )}
        </div>
      </details>
      <details>
        <summary>${t('history.priority')}</summary>
        <div class="boxes">
          ${PRIORITIES.map(
            (priority) =>
              html`<label
                ><input type="checkbox" name="priority" value=${priority} />${sign(priority)}${t(
                  `priority.${priority}`,
                )}</label
              >`,
          )}
        </div>
      </details>
      <details>
        <summary>${t('history.disposition')}</summary>
        <div class="boxes one">
          ${DISPOSITIONS.map(
            (disposition) =>
              html`<label
                ><input type="checkbox" name="disposition" value=${disposition} />${t(
                  `disposition.${disposition}`,
                )}</label
              >`,
          )}
        </div>
      </details>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-search-form': SearchForm;
  }
}
