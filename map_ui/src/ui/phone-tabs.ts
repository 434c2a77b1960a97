/** On a phone: queue, map, case, where the thumb is. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { App, Tab } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { countStates } from '../model/queue.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

const TABS: readonly Tab[] = ['queue', 'map', 'case'];

@customElement('lf-tabs')
export class PhoneTabs extends AppElement {
  static override styles = [
    shared,
    css`
      nav {
        flex: 1;
        display: grid;
        grid-template-columns: repeat(3, 1fr);
        background: var(--surface);
        border-top: 1px solid var(--line);
        padding-bottom: env(safe-area-inset-bottom);
      }
      button {
        min-height: 56px;
        border: 0;
        border-radius: 0;
        background: none;
        border-top: 3px solid transparent;
        font-size: 16px;
      }
      button[aria-current='true'] {
        border-top-color: var(--accent);
        font-weight: 700;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.tab, app.live.queue];
  }

  override render(): TemplateResult {
    const { unacknowledged } = countStates(this.app.live.queue.value);
    return html`<nav aria-label=${t('tab.label')}>
      ${TABS.map(
        (tab) =>
          html`<button
            aria-current=${tab === this.app.tab.value ? 'true' : 'false'}
            @click=${() => this.app.tab.set(tab)}
          >
            ${t(`tab.${tab}`)}
            ${tab === 'queue' && unacknowledged > 0 ? html`<b>${unacknowledged}</b>` : nothing}
          </button>`,
      )}
    </nav>`;
  }
}
