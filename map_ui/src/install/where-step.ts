/** What lies there: the tiers, the grid cell, the neighbours; and which site it is to be. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { named, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import type { Location } from './documents.ts';
import { tierName } from './memory.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';

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
    const { location, accuracy_m } = this.app.job.value;
    if (!location) return html``;
    const [lon, lat] = location.position;
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
          </dd>
        </dl>
        ${location.tiers.length === 0 ? html`<p class="note bad" role="alert">${t('install.where.outside')}</p>` : nothing}
        ${location.may_place ? nothing : html`<p class="note bad" role="alert">${t('install.where.not_yours')}</p>`}
        <button type="button" @click=${() => this.app.go('pin')}>${t('install.where.move')}</button>
        ${this.choices(location)}
      </div>
      ${this.footer(t('install.next'))}
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
