/** Always says: where am I, how much is open, is it live, does it sound, what time is it, who am I. */
import { html, nothing, svg, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { locale, t } from '../i18n/i18n.ts';
import { divisionName } from '../model/places.ts';
import { countStates } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { headStyles, readersMenu } from './head.ts';
import { leaveButton } from './leave.ts';
import { topLineStyles } from './top-line.css.ts';
import './settings-bar.ts';

/** From here on a wrong clock of this computer is worth a word. */
const CLOCK_OFF_S = 30;

@customElement('lf-top-line')
export class TopLine extends AppElement {
  @state() private menuOpen = false;

  static override styles = [shared, headStyles, topLineStyles];

  protected override watched(app: App) {
    return [
      app.session,
      app.focus,
      app.tab,
      app.places,
      app.live.queue,
      app.live.link,
      app.live.speaker,
      app.player.enabled,
      app.ringing,
      app.leaveProblem,
      app.now,
    ];
  }

  override render(): TemplateResult {
    const { app } = this;
    const { unacknowledged, open } = countStates(app.live.queue.value);
    return html`<header>
      <h1>${t('app.name')}</h1>
      ${this.breadcrumb()}
      <button
        class="counts plain ${unacknowledged > 0 ? 'waiting' : ''}"
        title="${t('top.newest')} (0)"
        ?disabled=${unacknowledged === 0}
        @click=${() => app.openNewest()}
      >
        <b>${t('top.new', { n: unacknowledged })}</b><span aria-hidden="true"> · </span
        ><span>${t('top.open', { n: open })}</span>
      </button>
      ${this.pastLink()} ${this.linkState()} ${this.soundState()}
      <time class="clock">${app.clock.second(app.now.value)}</time>
      ${readersMenu(
        app.session.value?.user.display_name,
        this.menuOpen,
        () => {
          this.menuOpen = !this.menuOpen;
        },
        () => this.menu(),
      )}
    </header>`;
  }

  private breadcrumb(): TemplateResult {
    const { app } = this;
    const places = app.places.value;
    const path = places.path(app.focus.value);
    const session = app.session.value;
    const root = session?.installation;
    const shown = path.length > 0 ? path : places.path(root?.city_code ?? null);
    const last = shown.at(-1);
    const below = last ? places.children(last.code) : [];
    const go = (code: string | null) => {
      app.focus.set(code);
      app.zoomTo.set({ division: code });
    };
    return html`<nav aria-label=${t('top.place')} class=${app.tab.value === 'map' ? 'shown' : ''}>
      <ol>
        ${shown.length === 0 ? html`<li>${root?.name}</li>` : nothing}
        ${shown.map(
          (division) =>
            html`<li>
              <button
                class="plain"
                aria-current=${division === last ? 'true' : 'false'}
                @click=${() => go(division.code)}
              >
                ${divisionName(division, locale.value)}
              </button>
            </li>`,
        )}
        ${
          below.length > 0
            ? html`<li>
                <select
                  aria-label=${t('top.children')}
                  title=${t('top.children')}
                  @change=${(event: Event) => {
                    const select = event.target as HTMLSelectElement;
                    go(select.value);
                    select.value = '';
                  }}
                >
                  <option value="" selected>…</option>
                  ${below.map(
                    (division) =>
                      html`<option value=${division.code}>
                        ${divisionName(division, locale.value)}
                        ${division.has_boundary ? '' : t('top.no_boundary')}
                      </option>`,
                  )}
                </select>
              </li>`
            : nothing
        }
      </ol>
    </nav>`;
  }

  private linkState(): TemplateResult {
    const link = this.app.live.link.value;
    const kind = link.kind === 'live' || link.kind === 'lost' ? link.kind : 'connecting';
    const since =
      link.kind === 'lost' ? ` ${this.app.clock.second(link.since + this.app.live.offsetMs)}` : '';
    const mark = { live: '●', lost: '✕', connecting: '…' }[kind];
    return html`<span class="link ${kind}" role="status"
      ><span aria-hidden="true">${mark} </span>${t(`live.${kind}`)}${since}</span
    >`;
  }

  private soundState(): TemplateResult {
    const { app } = this;
    const speaker = app.live.speaker.value;
    // Silenced from any tab; the room may hear another one.
    if (app.ringing.value && (app.player.enabled.value || speaker.anyone)) {
      return html`<button class="sound" title="${t('sound.silence')} (S)" @click=${() => app.silence()}>
        ${bell(true)} <span class="words">${t('sound.silence')}</span>
      </button>`;
    }
    if (app.player.enabled.value) {
      return html`<button
        class="plain sound"
        title=${t('sound.disable')}
        @click=${() => app.player.disable()}
      >
        ${bell(true)}
        <span class="words">${speaker.you || !speaker.anyone ? t('sound.on') : t('sound.other_tab')}</span>
      </button>`;
    }
    return html`<button class="sound off" title=${t('sound.off')} @click=${() => app.player.enable()}>
      ${bell(false)}
      <span class="words">${speaker.anyone ? t('sound.other_tab') : t('sound.enable')}</span>
    </button>`;
  }

  /** In the line itself, and on a phone in the menu. */
  private pastLink(): TemplateResult | typeof nothing {
    if (this.app.session.value?.may['history.search'] !== true) return nothing;
    return html`<a href="/history">${t('history.to_history')}</a>`;
  }

  private menu(): TemplateResult {
    const { app } = this;
    const session = app.session.value;
    const off = Math.round(-app.live.offsetMs / 1000);
    return html`<p>
        <b>${session?.user.display_name}</b>
        ${session?.grants.map((grant) => html`<br /><span class="muted">${grant.role} · ${grant.division_name ?? session.installation.name}</span>`)}
      </p>
      ${Math.abs(off) >= CLOCK_OFF_S ? html`<p class="problem">${t('top.clock_off', { seconds: off })}</p>` : nothing}
      ${this.pastLink()}
      <lf-settings .app=${app}></lf-settings>
      ${leaveButton(app)}`;
  }
}

/** Drawn, because a control room's computer may have no emoji font. */
function bell(on: boolean): TemplateResult {
  return html`<svg class="bell" viewBox="0 0 16 16" aria-hidden="true">
    ${svg`<path d="M8 1.5a4 4 0 0 0-4 4V9l-1.5 2.5h11L12 9V5.500a4 4 0 0 0-4-4ZM6.500 13a1.500 1.500 0 0 0 3 0" />`}
    ${on ? nothing : svg`<path class="slash" d="M2 1.500 14 14.500" />`}
  </svg>`;
}
