/** One incident: what, where, who to call, what happened here before, why this level, what was done, what to do. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { incidentDetail } from '../api/endpoints.ts';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import type { Incident, IncidentDetail } from '../model/documents.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { isField } from '../typing.ts';
import { detailBody } from './detail-parts.ts';
import { AppElement } from './element.ts';
import { detailStyles } from './incident-detail.css.ts';
import { namedSign, signStyles } from './sign.ts';
import { stateOf, whatOf } from './words.ts';
import './action-bar.ts';
import './report-form.ts';

/** A busy incident changes many times a second; its details are read again at most this often. */
const REREAD_MS = 700;

@customElement('lf-detail')
export class IncidentDetailPanel extends AppElement {
  @property({ type: Boolean, reflect: true }) folded = false;
  @state() private detail: IncidentDetail | null = null;
  @state() private problem: string | null = null;
  #wanted: number | null = null;
  #reread: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void)[] = [];
  /** Reads are numbered: an older answer that comes last says nothing. */
  #turn = 0;
  #applied = 0;
  #reportShown = false;

  static override styles = [shared, ...signStyles, detailStyles];

  protected override watched(app: App) {
    return [
      app.selected,
      app.live.batch,
      app.live.link,
      app.now,
      app.places,
      app.reporting,
      app.reportWaits,
      app.answers.problems,
    ];
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (!this.app) return;
    if (changed.has('app')) this.follow();
    if (this.app.selected.value !== this.#wanted) this.read(this.app.selected.value);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#reread);
    for (const end of this.#unwatch) end();
  }

  /** Reads again when the feed says that something of this incident changed. */
  private follow(): void {
    for (const end of this.#unwatch) end();
    this.#unwatch = [
      this.app.live.batch.watch(({ diff }) => {
        const id = this.#wanted;
        if (id === null) return;
        const devices = new Set(this.detail?.devices.map((device) => device.id));
        const touched =
          // a closed one that is reopened comes back as one that is new to the queue
          [...diff.incidents.added, ...diff.incidents.updated].some((incident) => incident.id === id) ||
          diff.incidents.removed.includes(id) ||
          diff.incidents.closed.includes(id) ||
          [...diff.alarms.added, ...diff.alarms.updated].some((alarm) => alarm.incident_id === id) ||
          diff.devices.some((device) => devices.has(device));
        if (touched && this.#reread === undefined) {
          this.#reread = setTimeout(() => this.read(id, true), REREAD_MS);
        }
      }),
      // While the line was down nothing was told, and what could not be read can be now.
      this.app.live.link.watch((link, before) => {
        if (link.kind === 'live' && before.kind === 'lost') this.read(this.#wanted, true);
      }),
    ];
  }

  private read(id: number | null, again = false): void {
    clearTimeout(this.#reread);
    this.#reread = undefined;
    if (!again) {
      this.#wanted = id;
      this.detail = null;
      this.problem = null;
    }
    if (id === null || id !== this.#wanted) return;
    this.#turn += 1;
    const turn = this.#turn;
    const isNewest = () => {
      if (this.#wanted !== id || turn < this.#applied) return false;
      this.#applied = turn;
      return true;
    };
    incidentDetail(id).then(
      (detail) => {
        if (!isNewest()) return;
        this.detail = detail;
        this.problem = null;
      },
      (problem: unknown) => {
        if (isNewest()) this.problem = explain(problem);
      },
    );
  }

  protected override updated(): void {
    const { app } = this;
    const shown = app.reporting.value && !app.reportWaits.value && !this.folded;
    if (shown && !this.#reportShown) this.renderRoot.querySelector('lf-report')?.focusForm();
    this.#reportShown = shown;
  }

  /**
   * The report stays in the page while a case is looked at: what the caller said is not typed twice. So does the case
   * behind a report: what was looked at against a reason is not looked at twice.
   */
  override render(): TemplateResult {
    const { app, folded } = this;
    const reportInFront = app.reporting.value && !app.reportWaits.value;
    return html`${folded ? nothing : this.refusedOutOfSight(reportInFront)}
    ${
      app.reporting.value
        ? html`<section ?hidden=${folded || !reportInFront}><lf-report .app=${app}></lf-report></section>`
        : nothing
    }
    ${folded ? this.unfoldButton() : html`<div class="case" ?hidden=${reportInFront}>${this.case()}</div>`}`;
  }

  /** What was not sent is known although something else is looked at by then. */
  private refusedOutOfSight(reportInFront: boolean): TemplateResult[] {
    const { app } = this;
    return [...app.answers.problems.value.keys()]
      .filter((id) => reportInFront || id !== app.selected.value)
      .slice(-3)
      .map(
        (id) =>
          html`<p class="bar" role="alert">
            <button class="link problem" @click=${() => app.open(id)}>
              ${t('action.unsent')}: ${t('detail.title', { id: String(id) })}
            </button>
          </p>`,
      );
  }

  private unfoldButton(): TemplateResult {
    return html`<button
      class="unfold"
      aria-label=${t('detail.unfold')}
      title=${t('detail.unfold')}
      @click=${this.fold}
    >
      ‹
    </button>`;
  }

  private case(): TemplateResult {
    const { app } = this;
    const live = app.incident(app.selected.value);
    const shown = newest(live, this.detail);
    if (app.selected.value === null) {
      return html`<section>
        <div class="head">${this.foldButton()}</div>
        <p class="none muted">${t('detail.none')}</p>
      </section>`;
    }
    if (!shown) {
      return html`<section>
        ${this.backToReport()}
        <div class="head">
          <h2>${t('detail.title', { id: String(app.selected.value) })}</h2>
          ${this.closeButton()}
        </div>
        ${
          this.problem
            ? html`<p class="none problem" role="alert">${this.problem} ${this.readAgain()}</p>`
            : html`<p class="none" role="status">${t('detail.loading')}</p>`
        }
      </section>`;
    }
    const fresh = isUnacknowledged(shown);
    return html`<section aria-labelledby="detail-title">
      ${this.backToReport()}
      <div class="head">
        ${namedSign(shown.priority, !fresh)}
        <div class="name">
          <h2 id="detail-title">${whatOf(shown)}</h2>
          <p class="muted">
            ${t('detail.title', { id: String(shown.id) })} · ${shown.state === 'closed' ? '' : stateOf(shown)}
            ${shown.reopened_count > 0 ? html` · ${t('detail.reopened', { n: shown.reopened_count })}` : nothing}
          </p>
        </div>
        ${this.foldButton()} ${this.closeButton()}
      </div>
      <div class="scroll" tabindex="0" aria-label=${t('tab.case')} role="region" @keydown=${this.leaveField}>
        ${
          shown.state === 'closed'
            ? html`<p class="closed" role="status">
                ${t('detail.closed', { disposition: shown.disposition ? t(`disposition.${shown.disposition}`) : '' })}
              </p>`
            : nothing
        }
        ${this.problem ? html`<p class="problem" role="alert">${this.problem} ${this.readAgain()}</p>` : nothing}
        ${detailBody(app, shown, this.detail)}
      </div>
      <lf-actions .app=${app} .incident=${shown}></lf-actions>
    </section>`;
  }

  private readAgain(): TemplateResult {
    return html`<button class="link" @click=${() => this.read(this.#wanted, true)}>
      ${t('session.retry')}
    </button>`;
  }

  private backToReport(): TemplateResult | typeof nothing {
    const { app } = this;
    if (!app.reporting.value) return nothing;
    return html`<p class="bar">
      <button title="${t('report.back')} (R)" @click=${() => app.report()}>‹ ${t('report.back')}</button>
    </p>`;
  }

  /** Escape in a field of the case (a reason) leaves that field; only then does it close the case. */
  private leaveField(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.isComposing || !isField(event.composedPath()[0])) return;
    event.stopPropagation();
    (event.currentTarget as HTMLElement).focus();
  }

  private fold(): void {
    this.dispatchEvent(new CustomEvent('fold'));
  }

  private foldButton(): TemplateResult {
    return html`<button
      class="plain fold"
      aria-label=${t('detail.fold')}
      title=${t('detail.fold')}
      @click=${this.fold}
    >
      ›
    </button>`;
  }

  private closeButton(): TemplateResult {
    return html`<button
      class="plain"
      aria-label=${t('detail.close_panel')}
      title="${t('detail.close_panel')} (Esc)"
      @click=${() => {
        this.app.select(null);
        this.app.tab.set('queue');
      }}
    >
      ✕
    </button>`;
  }
}

/** The feed may be ahead of the last read, and the read is all there is of a closed incident. */
function newest(live: Incident | undefined, detail: IncidentDetail | null): Incident | undefined {
  if (!live) return detail ?? undefined;
  return detail && detail.version > live.version ? detail : live;
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-detail': IncidentDetailPanel;
  }
}
