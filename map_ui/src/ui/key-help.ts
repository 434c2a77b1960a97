/** The list of keys. Lies over the map, never over the queue. */
import { css, html, type TemplateResult } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { KEY_LIST } from './keys.ts';

@customElement('lf-key-help')
export class KeyHelp extends AppElement {
  @query('button') private closer!: HTMLButtonElement;

  static override styles = [
    shared,
    css`
      section {
        position: fixed;
        z-index: 5;
        top: 64px;
        left: max(376px, calc(50% - 200px));
        width: 340px;
        max-height: calc(100dvh - 96px);
        overflow: auto;
        padding: 16px 20px;
        background: var(--surface);
        border: 1px solid var(--edge);
        border-radius: 8px;
      }
      .head {
        display: flex;
        justify-content: space-between;
        align-items: center;
      }
      h2 {
        font-size: 16px;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 6px 20px;
        margin-top: 12px;
      }
      @media (max-width: 700px) {
        section {
          left: 16px;
          width: auto;
          right: 16px;
        }
      }
    `,
  ];

  override firstUpdated(): void {
    this.closer.focus();
  }

  override render(): TemplateResult {
    return html`<section role="dialog" aria-labelledby="title">
      <div class="head">
        <h2 id="title">${t('keys.title')}</h2>
        <button
          class="plain"
          aria-label=${t('action.cancel')}
          title="Esc"
          @click=${() => this.dispatchEvent(new CustomEvent('close'))}
        >
          ✕
        </button>
      </div>
      <dl>
        ${KEY_LIST.map(
          ([keys, message]) =>
            html`<dt>${keys.split(' / ').map((key) => html`<kbd>${key}</kbd> `)}</dt>
              <dd>${t(message)}</dd>`,
        )}
      </dl>
    </section>`;
  }
}
