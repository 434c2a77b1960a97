/** Signed in, and nothing to see: says whom to ask. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { leaveButton } from './leave.ts';

@customElement('lf-no-permission')
export class NoPermission extends AppElement {
  static override styles = [
    shared,
    css`
      main {
        height: 100%;
        display: grid;
        place-content: center;
        justify-items: start;
        gap: 16px;
        padding: 24px;
        max-width: 32em;
        margin: auto;
      }
      h1 {
        font-size: 22px;
      }
      a {
        color: var(--accent);
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.leaveProblem];
  }

  override render(): TemplateResult {
    const session = this.app.session.value;
    return html`<main>
      <h1>${t('nopermission.title')}</h1>
      <p>${t('nopermission.text', { name: session?.user.display_name ?? '' })}</p>
      ${session?.may['history.search'] ? html`<p><a href="/history">${t('history.title')}</a></p>` : nothing}
      ${session?.may['device.write'] ? html`<p><a href="/install">${t('install.title')}</a></p>` : nothing}
      ${leaveButton(this.app)}
    </main>`;
  }
}
