/** The queue: only the rows in view are in the page, so that 10,000 stay smooth. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import type { Incident } from '../model/documents.ts';
import { isUnacknowledged, matchQueue } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { queueStyles } from './incident-queue.css.ts';
import { queueRow } from './queue-row.ts';
import { signStyles } from './sign.ts';
import { searchText } from './words.ts';

export const ROW_PX = 66;
const DIVIDER_PX = 28;
const OVERSCAN = 6;

@customElement('lf-queue')
export class IncidentQueue extends AppElement {
  @property({ type: Boolean, reflect: true }) folded = false;
  @state() private search = '';
  @state() private top = 0;
  @state() private height = 800;
  @query('.scroll') private scroller!: HTMLElement | null;
  @query('input[type=search]') private field!: HTMLInputElement | null;
  #observer = new ResizeObserver(() => {
    this.height = this.scroller?.clientHeight ?? this.height;
  });
  #observed: Element | null = null;

  static override styles = [shared, ...signStyles, queueStyles];

  protected override watched(app: App) {
    return [
      app.live.queue,
      app.live.link,
      app.live.ready,
      app.live.meanwhile,
      app.selected,
      app.checked,
      app.now,
      app.places,
      app.answers.manyPending,
      app.answers.manyProblem,
      app.answers.problems,
    ];
  }

  focusSearch(): void {
    void this.updateComplete.then(() => this.field?.focus());
  }

  /** Scrolls the selected row into view, no further than needed. */
  reveal(): void {
    const { scroller } = this;
    if (!scroller) return;
    const rows = this.app.shown.value;
    const index = rows.findIndex((incident) => incident.id === this.app.selected.value);
    if (index < 0) return;
    const top = this.offset(index, dividerAt(rows));
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW_PX > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + ROW_PX - scroller.clientHeight;
    }
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (!this.app) return;
    const { app } = this;
    app.shown.set(matchQueue(app.live.queue.value, this.search, (incident) => searchText(app, incident)));
  }

  protected override updated(): void {
    const { scroller } = this;
    if (scroller !== this.#observed) {
      if (this.#observed) this.#observer.unobserve(this.#observed);
      if (scroller) this.#observer.observe(scroller);
      this.#observed = scroller;
      // A list that is there again begins at its top, and no scrolling tells so.
      this.top = scroller?.scrollTop ?? 0;
    }
    // Set through the object model: the content security policy allows no style attribute.
    const rows = this.app.shown.value;
    const divider = dividerAt(rows);
    const list = this.renderRoot.querySelector<HTMLElement>('.rows');
    if (list) list.style.height = `${this.offset(rows.length, divider)}px`;
    for (const row of this.renderRoot.querySelectorAll<HTMLElement>('[data-index]')) {
      row.style.transform = `translateY(${this.offset(Number(row.dataset['index']), divider)}px)`;
      const bar = row.querySelector<HTMLElement>('.bar > i');
      if (bar) bar.style.transform = `scaleX(${bar.dataset['fraction']})`;
    }
    const mark = this.renderRoot.querySelector<HTMLElement>('.divider');
    if (mark && divider !== null) mark.style.transform = `translateY(${divider * ROW_PX}px)`;
  }

  private offset(index: number, divider: number | null): number {
    return index * ROW_PX + (divider !== null && index >= divider ? DIVIDER_PX : 0);
  }

  override render(): TemplateResult {
    if (this.folded) return this.foldedView();
    const { app } = this;
    const all = app.live.queue.value;
    const stale = app.live.link.value.kind === 'lost';
    return html`<section aria-labelledby="queue-title" class=${stale ? 'stale' : ''}>
      <header>
        <h2 id="queue-title">${t('queue.title')}</h2>
        <button
          class="plain"
          ?disabled=${!app.may('incident.open')}
          @click=${() => app.report()}
          title="${t('queue.report')} (R)"
        >
          + ${t('queue.report')}
        </button>
        <button class="plain fold" aria-label=${t('queue.fold')} title=${t('queue.fold')} @click=${this.fold}>
          ‹
        </button>
      </header>
      <div class="search" role="search">
        <input
          type="search"
          aria-label=${t('queue.search')}
          title="${t('queue.search')} (/)"
          placeholder=${t('queue.search_hint')}
          .value=${this.search}
          @input=${(event: InputEvent) => {
            this.search = (event.target as HTMLInputElement).value;
          }}
        />
      </div>
      ${this.selectionBar()} ${app.live.ready.value ? this.list(all) : skeleton()}
    </section>`;
  }

  private foldedView(): TemplateResult {
    const fresh = this.app.live.queue.value.filter(isUnacknowledged).length;
    return html`<button
      class="unfold"
      aria-label=${t('queue.unfold')}
      title=${t('queue.unfold')}
      @click=${this.fold}
    >
      › <span>${fresh}</span>
    </button>`;
  }

  private fold(): void {
    this.dispatchEvent(new CustomEvent('fold'));
  }

  private list(all: readonly Incident[]): TemplateResult {
    const rows = this.app.shown.value;
    if (all.length === 0) return this.empty();
    if (rows.length === 0) {
      return html`<p class="none">
        ${t('queue.no_match', { query: this.search })}
        <button
          class="link"
          @click=${() => {
            this.search = '';
          }}
        >
          ${t('queue.clear_search')}
        </button>
      </p>`;
    }
    const divider = dividerAt(rows);
    const first = Math.max(0, Math.floor(this.top / ROW_PX) - OVERSCAN);
    const last = Math.min(rows.length, Math.ceil((this.top + this.height) / ROW_PX) + OVERSCAN);
    const inView = rows.slice(first, last);
    return html`<div
      class="scroll"
      tabindex="-1"
      @scroll=${(event: Event) => {
        this.top = (event.target as HTMLElement).scrollTop;
      }}
    >
      ${divider === null ? nothing : html`<div class="divider" aria-hidden="true">${t('queue.acknowledged')}</div>`}
      <ul class="rows" aria-label=${t('queue.title')}>
        ${repeat(
          inView,
          (incident) => incident.id,
          (incident, index) => queueRow(this.app, incident, first + index, rows.length),
        )}
      </ul>
    </div>`;
  }

  private empty(): TemplateResult {
    const { app } = this;
    const last = app.live.lastOpenedAt.value;
    return html`<div class="empty" role="status">
      <p>${t('queue.empty')}</p>
      ${last ? html`<p class="muted">${t('queue.empty_last', { time: app.clock.exact(last, app.now.value) })}</p>` : nothing}
    </div>`;
  }

  private selectionBar(): TemplateResult | typeof nothing {
    const { app } = this;
    const n = app.checked.value.size;
    const problem = app.answers.manyProblem.value;
    if (n === 0 && problem === null) return nothing;
    const fresh = [...app.checked.value].filter((id) => app.incident(id)?.state === 'new');
    return html`<div class="selection">
      ${
        n > 0
          ? html`<span>${t('queue.selected', { n })}</span>
              <button
                class="primary"
                title="${t('action.acknowledge')} (A)"
                ?disabled=${fresh.length === 0 || app.answers.manyPending.value}
                @click=${() => app.answers.acknowledgeMany(fresh)}
              >
                ${app.answers.manyPending.value ? t('action.sending') : t('queue.acknowledge_n', { n: fresh.length })}
              </button>
              <button class="plain" @click=${() => app.uncheckAll()}>${t('queue.select_none')}</button>`
          : html`<button class="plain" @click=${() => app.uncheckAll()}>${t('live.dismiss')}</button>`
      }
      ${problem === null ? nothing : html`<p class="problem" role="alert">${refusals(problem)}</p>`}
    </div>`;
  }
}

function refusals(problem: string | readonly { id: number; detail: string }[]): string {
  if (typeof problem === 'string') return problem;
  const why = problem.slice(0, 3).map((refused) => `#${refused.id} ${refused.detail}`);
  return t('queue.refused', { n: problem.length, why: why.join('; ') });
}

/** Before which row the acknowledged ones begin; null where only one kind is there. */
export function dividerAt(rows: readonly Incident[]): number | null {
  const index = rows.findIndex((incident) => !isUnacknowledged(incident));
  return index <= 0 ? null : index;
}

function skeleton(): TemplateResult {
  return html`<div class="skeleton" role="status">
    <span>${t('session.loading')}</span>
    ${[0, 1, 2, 3, 4].map(() => html`<i></i>`)}
  </div>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-queue': IncidentQueue;
  }
}
