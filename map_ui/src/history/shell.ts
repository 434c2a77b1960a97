/** The frame of the history page: who and where to, the question on the left, the answer on map and in table. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { locale, t } from '../i18n/i18n.ts';
import { mayWatch } from '../model/landing.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from '../ui/element.ts';
import { headStyles, readersMenu } from '../ui/head.ts';
import { leaveButton } from '../ui/leave.ts';
import { middle, starting } from '../ui/starting.ts';
import { type HistoryApp, mayAsk } from './app.ts';
import '../ui/settings-bar.ts';
import '../ui/sign-in.ts';
import './case.ts';
import './history-map.ts';
import './results.ts';
import './search-form.ts';

@customElement('lf-history')
export class HistoryShell extends AppElement {
  declare app: HistoryApp;
  @state() private menuOpen = false;
  #answered: number | undefined;
  readonly #keys = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    if (this.menuOpen) this.menuOpen = false;
    else if (this.app.selected.value !== null) this.app.close();
  };

  static override styles = [
    shared,
    headStyles,
    middle,
    css`
      :host {
        display: block;
        height: 100dvh;
        overflow: hidden;
      }
      .frame {
        height: 100%;
        display: grid;
        grid-template:
          'top top' auto 'form map' minmax(0, 1fr) 'form results' minmax(0, 1fr)
          / 340px minmax(0, 1fr);
      }
      .frame.with-case {
        grid-template:
          'top top top' auto 'form map case' minmax(0, 1fr) 'form results case' minmax(0, 1fr)
          / 340px minmax(0, 1fr) 400px;
      }
      main {
        display: contents;
      }
      header {
        grid-area: top;
      }
      h1 {
        flex: 1;
        min-width: 0;
      }
      lf-search-form {
        grid-area: form;
        overflow: auto;
        border-inline-end: 1px solid var(--line);
      }
      lf-history-map {
        grid-area: map;
      }
      lf-results {
        grid-area: results;
        scroll-margin-top: 56px;
      }
      lf-case {
        grid-area: case;
      }
      .middle {
        justify-items: center;
        max-width: 36em;
        margin: auto;
      }
      @media (max-width: 1200px) {
        .frame.with-case {
          grid-template:
            'top top' auto 'form map' minmax(0, 1fr) 'form results' minmax(0, 1fr)
            / 340px minmax(0, 1fr);
        }
        lf-case {
          grid-area: form;
          z-index: 2;
        }
      }
      @media (max-width: 700px) {
        :host {
          overflow: auto;
        }
        .frame,
        .frame.with-case {
          display: block;
          height: auto;
        }
        header {
          position: sticky;
          top: 0;
          z-index: 5;
          gap: 4px 8px;
          padding-inline-start: 12px;
        }
        lf-search-form {
          border: 0;
        }
        lf-history-map {
          height: 60vh;
        }
        lf-case {
          position: fixed;
          inset: 0;
          z-index: 8;
        }
      }
    `,
  ];

  protected override watched(app: HistoryApp) {
    return [app.session, app.startProblem, app.leaveProblem, app.selected, app.found, app.drawing];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('keydown', this.#keys);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('keydown', this.#keys);
  }

  /** On a phone the answer, and the map to draw on, lie below: go there when there is something to see. */
  protected override updated(): void {
    const { app } = this;
    const answered = app?.found.value?.search.id;
    const narrow = window.matchMedia('(max-width: 700px)').matches;
    if (answered !== undefined && answered !== this.#answered && narrow) {
      const results = this.renderRoot.querySelector('lf-results');
      void results?.updateComplete.then(() => results.scrollIntoView({ block: 'start' }));
    } else if (app?.drawing.value && app.area.value.length === 0 && narrow) {
      this.renderRoot.querySelector('lf-history-map')?.scrollIntoView({ block: 'center' });
    }
    this.#answered = answered;
  }

  override render(): TemplateResult {
    document.title = t('history.title');
    if (!this.app) return html``;
    const { app } = this;
    const session = app.session.value;
    if (session === undefined) return starting(app, t('history.loading'));
    if (session === null) return html`<lf-sign-in .app=${app}></lf-sign-in>`;
    if (!mayAsk(session)) {
      return html`<main class="middle">
        <h1>${t('history.no_right')}</h1>
        <p>${t('history.no_right_text', { name: session.user.display_name })}</p>
        <p><a href="/">${t('history.to_map')}</a></p>
        ${leaveButton(app)}
      </main>`;
    }
    const hasCase = app.selected.value !== null;
    return html`<div class="frame ${hasCase ? 'with-case' : ''}" lang=${locale.value}>
      <header>
        <h1>${t('history.title')}</h1>
        ${mayWatch(session) ? html`<a href="/">${t('history.to_map')}</a>` : nothing}
        ${readersMenu(
          session.user.display_name,
          this.menuOpen,
          () => {
            this.menuOpen = !this.menuOpen;
          },
          () => html`<lf-settings .app=${app}></lf-settings>${leaveButton(app)}`,
        )}
      </header>
      <main>
        <lf-search-form .app=${app}></lf-search-form>
        <lf-history-map .app=${app}></lf-history-map>
        <lf-results .app=${app}></lf-results>
        ${hasCase ? html`<lf-case .app=${app}></lf-case>` : nothing}
      </main>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-history': HistoryShell;
  }
}
