/** The frame: sign-in page, or top line and the three parts (queue, map, case). */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { locale, t } from '../i18n/i18n.ts';
import { mayWatch } from '../model/landing.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { listenToKeys } from './keys.ts';
import { middle, starting } from './starting.ts';
import './sign-in.ts';
import './top-line.ts';
import './live-banner.ts';
import './announcer.ts';
import './incident-queue.ts';
import './incident-detail.ts';
import './command-map.ts';
import './key-help.ts';
import './phone-tabs.ts';
import './no-permission.ts';

@customElement('lf-app')
export class AppShell extends AppElement {
  @state() private queueFolded = false;
  @state() private helpOpen = false;
  #stopKeys: (() => void) | null = null;

  static override styles = [
    shared,
    middle,
    css`
      :host {
        display: block;
        height: 100%;
      }
      .frame {
        height: 100%;
        display: grid;
        grid-template:
          'top top top' auto 'banner banner banner' auto 'queue map case' minmax(0, 1fr)
          / auto minmax(0, 1fr) auto;
      }
      main {
        display: contents;
      }
      lf-top-line {
        grid-area: top;
      }
      lf-live-banner {
        grid-area: banner;
      }
      lf-queue {
        grid-area: queue;
        width: 360px;
      }
      lf-map {
        grid-area: map;
      }
      lf-detail {
        grid-area: case;
        width: 400px;
      }
      .folded-queue lf-queue,
      .folded-case lf-detail {
        width: 44px;
      }
      lf-tabs {
        display: none;
      }
      @media (max-width: 1023px) {
        .frame {
          grid-template: 'top top' auto 'banner banner' auto 'queue map' minmax(0, 1fr) / auto minmax(0, 1fr);
        }
        lf-detail {
          grid-area: queue;
          width: 360px;
          z-index: 2;
        }
        .no-case lf-detail {
          display: none;
        }
      }
      @media (max-width: 700px) {
        .frame {
          grid-template: 'top' auto 'banner' auto 'main' minmax(0, 1fr) 'tabs' auto / minmax(0, 1fr);
        }
        lf-queue,
        lf-map,
        lf-detail,
        .folded-queue lf-queue,
        .folded-case lf-detail {
          grid-area: main;
          width: auto;
        }
        .tab-queue lf-map,
        .tab-queue lf-detail,
        .tab-map lf-queue,
        .tab-map lf-detail,
        .tab-case lf-queue,
        .tab-case lf-map {
          visibility: hidden;
        }
        .no-case lf-detail {
          display: flex;
        }
        lf-tabs {
          grid-area: tabs;
          display: flex;
        }
      }
    `,
  ];

  protected override watched(app: App) {
    return [
      app.session,
      app.startProblem,
      app.selected,
      app.reporting,
      app.detailFolded,
      app.tab,
      app.live.ready,
    ];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stopKeys = listenToKeys(() => this.app, {
      help: () => {
        this.helpOpen = !this.helpOpen;
      },
      search: () => {
        this.queueFolded = false;
        this.app.tab.set('queue');
        void this.updateComplete.then(() => this.renderRoot.querySelector('lf-queue')?.focusSearch());
      },
      map: () => {
        this.app.tab.set('map');
        this.renderRoot.querySelector('lf-map')?.focusMap();
      },
      back: () => this.back(),
      moved: () => this.renderRoot.querySelector('lf-queue')?.reveal(),
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stopKeys?.();
  }

  /** Escape: the innermost open thing closes. */
  private back(): void {
    const { app } = this;
    if (this.helpOpen) this.helpOpen = false;
    else if (app.picking.value) app.picking.set(null);
    else if (app.draft.value) app.discard();
    else if (app.reporting.value && !app.reportWaits.value) app.endReport();
    else if (app.checked.value.size > 0 || app.answers.manyProblem.value !== null) app.uncheckAll();
    else if (app.selected.value !== null) {
      app.select(null);
      app.tab.set('queue');
    }
  }

  override render(): TemplateResult {
    document.title = t('app.title');
    if (!this.app) return html``;
    const session = this.app.session.value;
    if (session === undefined) return starting(this.app, t('session.loading'));
    if (session === null) return html`<lf-sign-in .app=${this.app}></lf-sign-in>`;
    if (!mayWatch(session)) return html`<lf-no-permission .app=${this.app}></lf-no-permission>`;
    const { app } = this;
    const hasCase = app.selected.value !== null || app.reporting.value;
    const classes = [
      'frame',
      `tab-${app.tab.value}`,
      hasCase ? '' : 'no-case',
      this.queueFolded ? 'folded-queue' : '',
      app.detailFolded.value ? 'folded-case' : '',
    ];
    return html`<div class=${classes.join(' ')} lang=${locale.value}>
      <lf-top-line .app=${app}></lf-top-line>
      <main>
        <lf-live-banner .app=${app}></lf-live-banner>
        <lf-queue
          .app=${app}
          .folded=${this.queueFolded}
          @fold=${() => {
            this.queueFolded = !this.queueFolded;
          }}
        ></lf-queue>
        <lf-map .app=${app}></lf-map>
        <lf-detail
          .app=${app}
          .folded=${app.detailFolded.value}
          @fold=${() => {
            app.detailFolded.set(!app.detailFolded.value);
          }}
        ></lf-detail>
      </main>
      <lf-tabs .app=${app}></lf-tabs>
      <lf-announcer .app=${app}></lf-announcer>
      ${
        this.helpOpen
          ? html`<lf-key-help
              @close=${() => {
                this.helpOpen = false;
              }}
            ></lf-key-help>`
          : nothing
      }
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-app': AppShell;
  }
}
