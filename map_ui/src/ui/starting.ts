/** A page before it is known who reads it: it loads, or it says why it cannot and tries again. */
import { css, html, type TemplateResult } from 'lit';
import { explain } from '../api/client.ts';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';

/** The only thing on a page, in its middle. */
export const middle = css`
  .middle {
    height: 100%;
    display: grid;
    place-content: center;
    gap: 16px;
    padding: 24px;
    text-align: center;
  }
`;

/** `loading`: what is being read. */
export function starting(app: App, loading: string): TemplateResult {
  const problem = app.startProblem.value;
  if (problem === null) return html`<div class="middle" role="status">${loading}</div>`;
  return html`<div class="middle" role="alert">
    <p class="problem">${t('session.failed', { detail: explain(problem) })}</p>
    <button class="primary" @click=${() => app.start()}>${t('session.retry')}</button>
  </div>`;
}
