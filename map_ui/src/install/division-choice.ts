/** A division chosen by its name, tier by tier: only those without a boundary, for in the others a point says it itself. */
import { css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { locale, t } from '../i18n/i18n.ts';
import { type Division, type Tier } from '../model/documents.ts';
import { divisionName } from '../model/places.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from '../ui/element.ts';
import { divisions } from './api.ts';
import { phone } from './styles.ts';

interface Level {
  tier: Tier;
  among: Division[];
  chosen: string;
}

const TIERS: readonly Tier[] = [2, 3, 4];

/** Sends `choose` with the narrowest division that was chosen; `below`, where the choice was taken back. */
@customElement('lf-division-choice')
export class DivisionChoice extends AppElement {
  /** What is known of the place: the division to choose below of, and its tier. */
  @property({ attribute: false }) below: string | null = null;
  @property({ attribute: false }) tier: Tier = 1;
  @state() private levels: Level[] = [];
  @state() private problem: string | null = null;
  #base: string | null = null;

  static override styles = [
    shared,
    phone,
    css`
      :host {
        height: auto;
        display: grid;
        gap: 8px;
      }
    `,
  ];

  protected override firstUpdated(): void {
    this.#base = this.below;
    void this.deeper(this.below, this.tier, []);
  }

  /** The next tier that has any: between a county and its villages there may be no township. */
  private async deeper(below: string | null, tier: Tier, above: Level[]): Promise<void> {
    this.levels = above;
    this.problem = null;
    try {
      for (const next of TIERS.filter((one) => one > tier)) {
        const among = (await divisions(next, below)).filter((one) => !one.has_boundary);
        if (this.levels !== above) return; // something else was chosen meanwhile
        if (among.length > 0) {
          this.levels = [...above, { tier: next, among, chosen: '' }];
          return;
        }
      }
    } catch (problem) {
      this.problem = explain(problem);
    }
  }

  private choose(n: number, code: string): void {
    const level = this.levels[n];
    if (!level) return;
    const above = this.levels.slice(0, n);
    const here = [...above, { ...level, chosen: code }];
    if (code) void this.deeper(code, level.tier, here);
    else this.levels = here;
    const detail = code || above.at(-1)?.chosen || this.#base;
    this.dispatchEvent(new CustomEvent('choose', { detail }));
  }

  override render(): TemplateResult {
    return html`${this.levels.map(
      (level, n) =>
        html`<label>
          ${t('install.where.choose', { tier: t(`tier.${level.tier}`) })}
          <select @change=${(event: Event) => this.choose(n, (event.target as HTMLSelectElement).value)}>
            <option value="" .selected=${level.chosen === ''}>${t('install.where.unchosen')}</option>
            ${level.among.map(
              (one) =>
                html`<option value=${one.code} .selected=${level.chosen === one.code}>
                  ${divisionName(one, locale.value)}
                </option>`,
            )}
          </select>
        </label>`,
    )}
    ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : ''}`;
  }
}
