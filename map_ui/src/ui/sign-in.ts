/** The sign-in page. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { explain, Problem } from '../api/client.ts';
import { signIn } from '../api/endpoints.ts';
import { t } from '../i18n/i18n.ts';
import { landing } from '../model/landing.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import './settings-bar.ts';

@customElement('lf-sign-in')
export class SignIn extends AppElement {
  @state() private sending = false;
  @state() private problem: string | null = null;
  @query('[name=username]') private username!: HTMLInputElement;
  @query('[name=password]') private password!: HTMLInputElement;

  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        place-items: center;
        height: 100%;
        overflow: auto;
        padding: 24px 16px;
        background: var(--ground);
      }
      main {
        width: min(100%, 360px);
        display: grid;
        gap: 16px;
      }
      h1 {
        font-size: 28px;
        letter-spacing: 0.04em;
      }
      form {
        display: grid;
        gap: 14px;
        padding: 20px;
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 8px;
      }
      form input,
      form button {
        min-height: 44px;
        font-size: 16px;
      }
      .problem {
        border-inline-start: 3px solid var(--bad);
        padding-inline-start: 8px;
      }
    `,
  ];

  override firstUpdated(): void {
    this.username.focus();
  }

  private async submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const username = this.username.value.trim();
    const password = this.password.value;
    if (!username || !password) {
      this.problem = t('signin.missing');
      (username ? this.password : this.username).focus();
      return;
    }
    this.sending = true;
    this.problem = null;
    try {
      const session = await signIn(username, password);
      new BroadcastChannel('lianfang-session').postMessage('in');
      // The message loads this page anew too, at the address that it has by then.
      if (location.pathname === '/') history.replaceState(null, '', landing(session));
      await this.app.enter(session);
    } catch (problem) {
      const wrong = problem instanceof Problem && problem.status === 401;
      this.problem = wrong ? t('signin.wrong') : explain(problem);
      this.sending = false;
      await this.updateComplete;
      this.password.focus();
      this.password.select();
    }
  }

  override render(): TemplateResult {
    return html`<main>
      <h1>${t('app.name')}</h1>
      <form @submit=${this.submit} novalidate aria-labelledby="title">
        <h2 id="title">${t('signin.title')}</h2>
        ${this.app.expired.value && !this.problem ? html`<p role="status">${t('signin.expired')}</p>` : nothing}
        <label>
          ${t('signin.username')}
          <input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required />
        </label>
        <label>
          ${t('signin.password')}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <div role="alert">${this.problem ? html`<p class="problem">${this.problem}</p>` : nothing}</div>
        <button class="primary" type="submit" ?disabled=${this.sending}>
          ${this.sending ? t('signin.sending') : t('signin.submit')}
        </button>
      </form>
      <p class="muted">${t('signin.help')}</p>
      <lf-settings .app=${this.app}></lf-settings>
    </main>`;
  }
}
