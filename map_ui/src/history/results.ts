/** What was found, as a table, what was asked, and the files to take away. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { locale, t } from '../i18n/i18n.ts';
import type { Incident } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from '../ui/element.ts';
import { namedSign, signStyles } from '../ui/sign.ts';
import { placeOf, whatOf } from '../ui/words.ts';
import type { HistoryApp } from './app.ts';
import { exported, FORMAT_NAMES, FORMATS, type Format, type Found } from './endpoints.ts';

@customElement('lf-results')
export class Results extends AppElement {
  declare app: HistoryApp;
  @state() private oldestFirst = false;
  @state() private making: Format | null = null;
  @state() private problem: string | null = null;
  #of: number | undefined;

  static override styles = [
    shared,
    ...signStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        min-width: 0;
        background: var(--surface);
        container-type: inline-size;
      }
      .head {
        display: grid;
        gap: 8px;
        padding: 10px 16px;
        border-block: 1px solid var(--line);
      }
      .asked {
        overflow-wrap: anywhere;
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
      }
      .scroll {
        flex: 1;
        min-height: 0;
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--edge) transparent;
      }
      .scroll:focus-visible {
        outline-offset: -3px;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        table-layout: fixed;
      }
      th {
        position: sticky;
        top: 0;
        z-index: 1;
        background: var(--surface);
        text-align: start;
        font-weight: 600;
        color: var(--muted);
        border-bottom: 1px solid var(--line);
        padding: 4px 8px;
      }
      th button {
        padding: 0;
        font-weight: 600;
      }
      td {
        padding: 4px 8px;
        border-bottom: 1px solid var(--line);
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        height: 40px;
      }
      tr {
        cursor: pointer;
      }
      tr[aria-selected='true'],
      tbody tr:hover {
        background: var(--chosen);
      }
      .time {
        width: 150px;
      }
      .sign-cell {
        width: 52px;
      }
      .end {
        width: 150px;
      }
      /* A case that is open beside it says how it ended. */
      @media (min-width: 701px) {
        @container (max-width: 640px) {
          .end {
            display: none;
          }
        }
      }
      td .open {
        max-width: 100%;
        overflow: hidden;
        text-overflow: ellipsis;
        color: var(--text);
        text-decoration: underline;
      }
      .sign {
        vertical-align: middle;
      }
      .quiet {
        padding: 32px 24px;
        text-align: center;
        display: grid;
        gap: 8px;
        overflow-wrap: anywhere;
      }
      .more {
        padding: 12px 16px;
      }
      @media (max-width: 700px) {
        .scroll {
          overflow: visible;
        }
        thead {
          position: absolute;
          clip-path: inset(50%);
          width: 1px;
          height: 1px;
          overflow: hidden;
        }
        tbody tr {
          display: grid;
          grid-template-columns: auto 1fr;
          gap: 0 12px;
          padding: 8px 16px;
          border-bottom: 1px solid var(--line);
        }
        td {
          display: block;
          border: 0;
          padding: 0;
          height: auto;
          white-space: normal;
          overflow-wrap: anywhere;
        }
        .time,
        .end {
          width: auto;
        }
        .sign-cell {
          grid-row: 1 / span 4;
          width: 36px;
          align-self: center;
        }
        td:not(.sign-cell) {
          grid-column: 2;
        }
        td .open {
          min-height: 44px;
          text-align: start;
          white-space: normal;
        }
      }
    `,
  ];

  protected override watched(app: HistoryApp) {
    return [app.found, app.searching, app.problem, app.selected, app.places];
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    super.willUpdate(changed);
    const search = this.app?.found.value?.search.id;
    if (search !== this.#of) this.problem = null;
    this.#of = search;
  }

  private async take(found: Found, format: Format): Promise<void> {
    if (this.making) return;
    this.making = format;
    this.problem = null;
    try {
      const { name, file } = await exported(found.search.id, format, locale.value);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (problem) {
      this.problem = this.app.told(problem);
    } finally {
      this.making = null;
    }
  }

  override render(): TemplateResult {
    const { app } = this;
    const found = app.found.value;
    if (app.problem.value !== null) {
      return html`<div class="quiet" role="alert">
        <p><b>${t('history.refused')}</b></p>
        <p class="problem">${app.problem.value}</p>
      </div>`;
    }
    if (!found) {
      return html`<div class="quiet muted" role="status">
        ${app.searching.value ? t('history.searching') : t('history.nothing_asked')}
      </div>`;
    }
    const asked = found.search.words[locale.value];
    if (found.incidents.length === 0) {
      return html`<div class="quiet" role="status">
        <p><b>${t('history.nothing_found')}</b></p>
        <p class="muted">${t('history.asked', { words: asked })}</p>
      </div>`;
    }
    return html`<div class="head">
        <p role="status">
          <b
            >${
              found.next
                ? t('history.count_more', { n: found.incidents.length })
                : t('history.count', { n: found.incidents.length })
            }</b
          >
          <span class="asked muted">${t('history.asked', { words: asked })}</span>
        </p>
        <div class="buttons" role="group" aria-label=${t('history.take')}>
          <span class="muted">${t('history.take')}</span>
          ${FORMATS.map(
            (format) =>
              html`<button ?disabled=${this.making !== null} @click=${() => this.take(found, format)}>
                ${this.making === format ? t('history.making') : FORMAT_NAMES[format]}
              </button>`,
          )}
        </div>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label=${t('history.results')}>
        ${this.table(found)}
        ${
          found.next
            ? html`<div class="more">
                <button ?disabled=${app.searching.value} @click=${() => app.more()}>
                  ${app.searching.value ? t('history.searching') : t('history.more')}
                </button>
              </div>`
            : nothing
        }
      </div>`;
  }

  private table(found: Found): TemplateResult {
    const rows = this.oldestFirst ? [...found.incidents].reverse() : found.incidents;
    return html`<table>
      <caption class="heard">
        ${t('history.results')}
      </caption>
      <thead>
        <tr>
          <th class="sign-cell" scope="col"><span class="heard">${t('history.priority')}</span></th>
          <th class="time" scope="col" aria-sort=${this.oldestFirst ? 'ascending' : 'descending'}>
            <button
              class="plain"
              title=${t('history.sort')}
              @click=${() => {
                this.oldestFirst = !this.oldestFirst;
              }}
            >
              ${t('history.opened')} <span aria-hidden="true">${this.oldestFirst ? '▲' : '▼'}</span>
            </button>
          </th>
          <th scope="col">${t('history.what')}</th>
          <th scope="col">${t('detail.where')}</th>
          <th class="end" scope="col">${t('history.ended')}</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((incident) => this.row(incident))}
      </tbody>
    </table>`;
  }

  private row(incident: Incident): TemplateResult {
    const { app } = this;
    const what = whatOf(incident);
    const where = placeOf(app, incident);
    const ended = incident.disposition
      ? t(`disposition.${incident.disposition}`)
      : t(`state.${incident.state}`);
    return html`<tr
      aria-selected=${app.selected.value === incident.id ? 'true' : 'false'}
      @click=${() => app.open(incident.id)}
    >
      <td class="sign-cell">${namedSign(incident.priority, incident.state !== 'new')}</td>
      <td class="time">${app.clock.dated(incident.opened_at)}</td>
      <td title=${what}>
        <button
          class="plain link open"
          @click=${(event: Event) => {
            event.stopPropagation();
            app.open(incident.id);
          }}
        >
          ${what}
        </button>
      </td>
      <td title=${where}>${where}</td>
      <td class="end" title=${ended}>${ended}</td>
    </tr>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-results': Results;
  }
}
