/** The frame of the installer's page: sign-in, then one step after another. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { locale, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from '../ui/element.ts';
import { leaveButton } from '../ui/leave.ts';
import { middle, starting } from '../ui/starting.ts';
import { type InstallApp, mayInstall, type Step } from './app.ts';
import { phone } from './styles.ts';
import '../ui/settings-bar.ts';
import '../ui/sign-in.ts';
import './device-step.ts';
import './place-step.ts';
import './setup-step.ts';
import './site-step.ts';
import './test-step.ts';
import './where-step.ts';

@customElement('lf-install')
export class InstallPage extends AppElement {
  @property({ attribute: false }) declare app: InstallApp;
  @state() private settingsOpen = false;

  static override styles = [
    shared,
    phone,
    middle,
    css`
      .frame {
        height: 100%;
        max-width: 560px;
        margin: auto;
        display: grid;
        grid-template-rows: auto minmax(0, 1fr);
      }
      main {
        min-height: 0;
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        padding: 8px 16px;
        background: var(--surface);
        border-bottom: 1px solid var(--line);
      }
      h1 {
        flex: 1;
        font-size: 18px;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      header button {
        min-width: 48px;
        font-size: 20px;
      }
      .settings {
        width: 100%;
        display: grid;
        gap: 12px;
        padding: 8px 0;
      }
      .middle {
        text-align: start;
      }
    `,
  ];

  protected override watched(app: InstallApp) {
    return [app.session, app.startProblem, app.leaveProblem, app.step, app.job];
  }

  override render(): TemplateResult {
    document.title = `${t('app.name')} · ${t('install.title')}`;
    if (!this.app) return html``;
    const session = this.app.session.value;
    if (session === undefined) return starting(this.app, t('install.loading'));
    if (session === null) return html`<lf-sign-in .app=${this.app}></lf-sign-in>`;
    if (!mayInstall(session)) return this.notPermitted(session.user.display_name);
    const step = this.app.step.value;
    return html`<div class="frame" lang=${locale.value}>
      <header>
        ${
          step === 'place' || step === 'setup' || step === 'done'
            ? nothing
            : html`<button class="plain" aria-label=${t('install.back')} @click=${() => this.app.back()}>
                ←
              </button>`
        }
        <h1>${this.title_(step)}</h1>
        <button
          class="plain"
          aria-label=${t('install.settings')}
          aria-expanded=${this.settingsOpen ? 'true' : 'false'}
          @click=${() => {
            this.settingsOpen = !this.settingsOpen;
          }}
        >
          ☰
        </button>
        ${
          this.settingsOpen
            ? html`<div class="settings">
                <p>${session.user.display_name}</p>
                <lf-settings .app=${this.app}></lf-settings>
                ${leaveButton(this.app)}
              </div>`
            : nothing
        }
      </header>
      <main>${this.step(step)}</main>
    </div>`;
  }

  private title_(step: Step): string {
    const { device } = this.app.job.value;
    switch (step) {
      case 'test':
        return t('install.test.title', { device: device?.name || device?.device_id || '' });
      case 'pin':
      case 'paste':
      case 'place':
      case 'where':
      case 'site':
      case 'device':
      case 'setup':
      case 'done':
        return t(`install.${step}.title`);
    }
  }

  private step(step: Step): TemplateResult {
    const { app } = this;
    switch (step) {
      case 'place':
        return html`<lf-place-step .app=${app}></lf-place-step>`;
      case 'pin':
        return html`<lf-pin-step .app=${app}></lf-pin-step>`;
      case 'paste':
        return html`<lf-paste-step .app=${app}></lf-paste-step>`;
      case 'where':
        return html`<lf-where-step .app=${app}></lf-where-step>`;
      case 'site':
        return html`<lf-site-step .app=${app}></lf-site-step>`;
      case 'device':
        return html`<lf-device-step .app=${app}></lf-device-step>`;
      case 'setup':
        return html`<lf-setup-step .app=${app}></lf-setup-step>`;
      case 'test':
        return html`<lf-test-step .app=${app}></lf-test-step>`;
      case 'done':
        return html`<lf-done-step .app=${app}></lf-done-step>`;
    }
  }

  private notPermitted(name: string): TemplateResult {
    return html`<main class="middle">
      <h1>${t('install.not_permitted.title')}</h1>
      <p>${t('install.not_permitted.text', { name })}</p>
      <a class="button" href="/">${t('install.not_permitted.map')}</a>
      ${leaveButton(this.app)}
    </main>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'lf-install': InstallPage;
  }
}
