/** What lies there: the tiers, the grid cell, the neighbours; and which site it is to be. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { named, t } from '../i18n/i18n.ts';
import type { Tier } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { locate } from './api.ts';
import { metresBetween } from './coordinates.ts';
import type { Location } from './documents.ts';
import { tierName } from './memory.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';
import './division-choice.ts';

/** Nearer than this, the phone is where the place is; WGS 84 and GCJ-02 lie some 500 m apart in most of China. */
const HERE_M = 150;
const RECENT_MS = 60_000;
/** A position that is known no better than this may be another yard's, or another village's. */
const GOOD_M = 50;

@customElement('lf-where-step')
export class WhereStep extends StepElement {
  static override styles = [
    shared,
    phone,
    css`
      .far {
        flex: none;
      }
    `,
  ];

  /** How far from here the phone is, where that is too far. */
  @state() private away_m: number | null = null;
  /** The division that was chosen last. */
  #wish: { code: string | null } = { code: null };

  protected override watched(app: StepElement['app']) {
    return [app.job];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.compareWithPhone();
  }

  /** A place from elsewhere than the phone's position is held against that, where the browser may use it unasked. */
  private async compareWithPhone(): Promise<void> {
    const { location, accuracy_m } = this.app.job.value;
    if (!location || accuracy_m !== null || !window.isSecureContext) return;
    const { state } = await navigator.permissions.query({ name: 'geolocation' });
    if (state !== 'granted') return;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const away_m = metresBetween(location.position, [coords.longitude, coords.latitude]);
        if (away_m > Math.max(HERE_M, 2 * coords.accuracy)) this.away_m = away_m;
      },
      () => {
        this.away_m = null; // only a help: without a position nothing is compared
      },
      { enableHighAccuracy: true, maximumAge: RECENT_MS },
    );
  }

  private declare(event: CustomEvent<string | null>): void {
    this.#wish = { code: event.detail };
    void this.send(() => this.followWish());
  }

  /** On a slow line somebody chooses on while the last choice is still looked at: what stands is the newest. */
  private async followWish(): Promise<void> {
    let wish;
    do {
      wish = this.#wish;
      try {
        await this.lookAt(wish.code);
      } catch (problem) {
        if (wish === this.#wish) throw problem;
      }
    } while (wish !== this.#wish);
  }

  private async lookAt(code: string | null): Promise<void> {
    const { job } = this.app;
    const { location } = job.value;
    if (!location) return;
    const found = await locate(location.position, 'WGS84', code);
    const stands = code !== null && [found.county, found.township, found.village].includes(code);
    const changed = { ...found, source_crs: location.source_crs };
    job.set({ ...job.value, location: changed, declared: stands ? code : null });
    this.problem = code !== null && !stands ? t('install.where.contradicted') : null;
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const { location } = this.app.job.value;
    if (!location) return;
    const chosen = this.field(event.target as HTMLFormElement, 'site');
    const site = location.neighbours.find((one) => String(one.id) === chosen);
    if (site) this.app.go('device', { site });
    else if (location.may_place) this.app.go('site', { site: null });
    else this.problem = t('install.where.not_yours');
  }

  override render(): TemplateResult {
    const { location, accuracy_m, given, declared } = this.app.job.value;
    if (!location) return html``;
    const [lon, lat] = location.position;
    const converted_m = given ? Math.round(metresBetween([given.lon, given.lat], location.position)) : 0;
    const below = location.township ?? location.county;
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <dl>
          ${location.tiers.map(
            (one) =>
              html`<dt>${t(`tier.${one.tier}`)}</dt>
                <dd>${tierName(one)}</dd>`,
          )}
          <dt>${t('install.where.cell')}</dt>
          <dd>
            ${location.grid_cell ? location.grid_cell.name || location.grid_cell.code : t('install.where.no_cell')}
          </dd>
          <dt>${t('install.where.position')}</dt>
          <dd>
            ${lon.toFixed(5)}, ${lat.toFixed(5)}
            ${accuracy_m === null ? nothing : html`<br />${t('install.where.accuracy', { n: Math.round(accuracy_m) })}`}
            ${converted_m > 1 && given ? html`<br />${t('install.where.converted', { crs: given.crs, m: converted_m })}` : nothing}
          </dd>
        </dl>
        ${
          this.away_m === null
            ? nothing
            : html`<p class="note bad" role="alert">
                ${t('install.where.away', { m: Math.round(this.away_m) })}
              </p>`
        }
        ${
          accuracy_m !== null && accuracy_m > GOOD_M
            ? html`<p class="note bad" role="alert">
                ${t('install.where.inaccurate', { n: Math.round(accuracy_m) })}
              </p>`
            : nothing
        }
        ${location.tiers.length === 0 ? html`<p class="note bad" role="alert">${t('install.where.outside')}</p>` : nothing}
        ${location.may_place ? nothing : html`<p class="note bad" role="alert">${t('install.where.not_yours')}</p>`}
        ${
          location.village === null || declared !== null
            ? html`<lf-division-choice
                .app=${this.app}
                .below=${below}
                .tier=${(location.township ? 3 : location.county ? 2 : 1) satisfies Tier}
                @choose=${this.declare}
              ></lf-division-choice>`
            : nothing
        }
        <button type="button" @click=${() => this.app.go('pin')}>${t('install.where.move')}</button>
        ${this.choices(location)}
      </div>
      ${this.footer(t('install.next'), t('install.loading'))}
    </form>`;
  }

  private choices(location: Location): TemplateResult {
    const m = Math.round(location.within_m);
    return html`<fieldset>
      <legend>
        ${location.neighbours.length ? t('install.where.neighbours', { m }) : t('install.where.no_neighbours', { m })}
      </legend>
      <label class="choice">
        <input
          type="radio"
          name="site"
          value=""
          ?checked=${location.may_place}
          ?disabled=${!location.may_place}
        />
        <span class="text">${t('install.where.new')}</span>
      </label>
      ${location.neighbours.map(
        (one) =>
          html`<label class="choice">
            <input type="radio" name="site" value=${one.id} />
            <span class="text">
              ${one.name}<br />
              <span class="muted">
                ${named('kind', one.kind)} · ${t('install.where.devices', { n: one.devices })}
                ${one.address ? html`<br />${one.address}` : nothing}
              </span>
            </span>
            <span class="far">${t('install.where.distance', { m: Math.round(one.distance_m) })}</span>
          </label>`,
      )}
    </fieldset>`;
  }
}
