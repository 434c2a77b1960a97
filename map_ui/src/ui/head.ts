/** The line at the head of a page for desks, and the menu that hangs from it under the reader's name. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { t } from '../i18n/i18n.ts';

export const headStyles = css`
  header {
    position: relative;
    display: flex;
    align-items: center;
    gap: 4px 12px;
    min-height: 48px;
    padding: 4px 8px 4px 16px;
    background: var(--surface);
    border-bottom: 1px solid var(--line);
  }
  h1 {
    font-size: 18px;
  }
  a {
    color: var(--accent);
    text-underline-offset: 2px;
    padding: 8px 4px;
  }
  .who {
    max-width: 12em;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .menu {
    position: absolute;
    z-index: 6;
    top: 100%;
    right: 8px;
    display: grid;
    gap: 16px;
    justify-items: start;
    padding: 16px;
    min-width: 260px;
    background: var(--surface);
    border: 1px solid var(--edge);
    border-radius: 0 0 8px 8px;
  }
  @media (max-width: 700px) {
    .who {
      max-width: 6em;
    }
  }
`;

/** The reader's name, which opens and closes the menu; `menu` is what stands in it. */
export function readersMenu(
  name: string | undefined,
  open: boolean,
  toggle: () => void,
  menu: () => TemplateResult,
): TemplateResult {
  return html`<button
      class="plain who"
      aria-expanded=${open ? 'true' : 'false'}
      title=${t('top.menu')}
      @click=${toggle}
    >
      ${name} ▾
    </button>
    ${open ? html`<div class="menu">${menu()}</div>` : nothing}`;
}
