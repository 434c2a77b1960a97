/** The way out, wherever it is offered: signs out, or says why nobody was. */
import { html, nothing, type TemplateResult } from 'lit';
import { explain } from '../api/client.ts';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';

/** For an element that watches `app.leaveProblem`. */
export function leaveButton(app: App): TemplateResult {
  const problem = app.leaveProblem.value;
  return html`<button @click=${() => app.leave()}>${t('session.sign_out')}</button>
    <div role="alert">${problem === null ? nothing : html`<p class="problem">${explain(problem)}</p>`}</div>`;
}
