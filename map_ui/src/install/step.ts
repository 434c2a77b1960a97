/** What every step has: the page's app, one thing being sent, one problem to tell. */
import { html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { t } from '../i18n/i18n.ts';
import { AppElement } from '../ui/element.ts';
import type { InstallApp } from './app.ts';

export abstract class StepElement extends AppElement {
  @property({ attribute: false }) declare app: InstallApp;
  @state() protected sending = false;
  @state() protected problem: string | null = null;
  /** By field: what is wrong with it, shown beside it. */
  @state() protected wrong: Readonly<Record<string, string>> = {};

  /** Do it once at a time; what goes wrong is told, and nothing that was typed is lost. */
  protected async send(what: () => Promise<void>): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    this.problem = null;
    try {
      await what();
    } catch (problem) {
      this.problem = explain(problem);
    } finally {
      this.sending = false;
    }
  }

  /** Show what is wrong beside the fields and go to the first; whether all is well. */
  protected fine(wrong: Record<string, string>): boolean {
    this.wrong = wrong;
    const first = Object.keys(wrong)[0];
    if (first === undefined) return true;
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector<HTMLElement>(`[name=${first}]`)?.focus(),
    );
    return false;
  }

  protected beside(field: string): TemplateResult | typeof nothing {
    const what = this.wrong[field];
    return what ? html`<p class="problem" id="wrong-${field}" role="alert">${what}</p>` : nothing;
  }

  protected footer(action: string, extra: TemplateResult | typeof nothing = nothing): TemplateResult {
    return html`<footer>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <button class="primary" type="submit" ?disabled=${this.sending}>
        ${this.sending ? t('install.saving') : action}
      </button>
      ${extra}
    </footer>`;
  }

  protected field(form: HTMLFormElement, name: string): string {
    const value = new FormData(form).get(name);
    return typeof value === 'string' ? value.trim() : '';
  }
}
