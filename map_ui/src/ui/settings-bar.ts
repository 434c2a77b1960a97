/** Language and appearance: kept in this browser, offered before the sign-in too. */
import { css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { chooseLocale, locale, t } from '../i18n/i18n.ts';
import type { Locale } from '../model/format.ts';
import { shared } from '../theme/shared.ts';
import { chooseTheme, type ThemeChoice, themeChoice } from '../theme/theme.ts';
import { AppElement } from './element.ts';

const THEMES: readonly ThemeChoice[] = ['auto', 'dark', 'light'];

@customElement('lf-settings')
export class SettingsBar extends AppElement {
  static override styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        gap: 8px 16px;
      }
      label {
        display: flex;
        align-items: center;
        gap: 6px;
      }
      select {
        width: auto;
      }
    `,
  ];

  protected override watched() {
    return [themeChoice];
  }

  override render(): TemplateResult {
    return html`<label>
        ${t('language.label')}
        <select
          name="language"
          .value=${locale.value}
          @change=${(event: Event) => chooseLocale(chosen<Locale>(event))}
        >
          <option value="zh" ?selected=${locale.value === 'zh'}>${t('language.zh')}</option>
          <option value="en" ?selected=${locale.value === 'en'}>${t('language.en')}</option>
        </select>
      </label>
      <label>
        ${t('theme.label')}
        <select name="theme" @change=${(event: Event) => chooseTheme(chosen<ThemeChoice>(event))}>
          ${THEMES.map(
            (name) =>
              html`<option value=${name} ?selected=${themeChoice.value === name}>
                ${t(`theme.${name}`)}
              </option>`,
          )}
        </select>
      </label>`;
  }
}

const chosen = <T extends string>(event: Event): T => (event.target as HTMLSelectElement).value as T;
