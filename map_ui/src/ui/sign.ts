/** A priority's sign: shape, number and colour together; hollow once acknowledged. */
import { css, html, svg, type TemplateResult } from 'lit';
import { t } from '../i18n/i18n.ts';
import type { Priority } from '../model/documents.ts';
import { SHAPES } from '../theme/signs.ts';

export function sign(priority: Priority, hollow = false): TemplateResult {
  const shape = SHAPES[priority];
  return html`<svg
    class="sign p${priority} ${hollow ? 'hollow' : ''}"
    viewBox="-1 -1 26 26"
    aria-hidden="true"
  >
    ${svg`<path d=${shape.path} /><text x="12" y=${shape.textY} font-size=${shape.textSize}>${priority}</text>`}
  </svg>`;
}

/** The sign with its name for those who hear it. */
export function namedSign(priority: Priority, hollow = false): TemplateResult {
  return html`${sign(priority, hollow)}<span class="heard">${priority} ${t(`priority.${priority}`)}</span>`;
}

const colours = [1, 2, 3, 4, 5].map((p) => `.sign.p${p}{--sign:var(--p${p});--sign-ink:var(--p${p}-ink)}`);
const sheet = new CSSStyleSheet();
sheet.replaceSync(colours.join(''));

export const signStyles = [
  css`
    .sign {
      width: 24px;
      height: 24px;
      flex: none;
      overflow: visible;
    }
    .sign path {
      fill: var(--sign);
      stroke: var(--outline);
      stroke-width: 1;
      stroke-linejoin: round;
    }
    .sign text {
      fill: var(--sign-ink);
      font-weight: 700;
      text-anchor: middle;
      dominant-baseline: central;
      font-family: system-ui, sans-serif;
    }
    .sign.hollow path {
      fill: var(--surface);
      stroke: var(--sign);
      stroke-width: 2;
    }
    .sign.hollow text {
      fill: var(--text);
    }
  `,
  sheet,
];
