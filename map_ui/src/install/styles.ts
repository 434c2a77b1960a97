/** A phone page: one task a screen, one big button at the bottom, 48 px to press, read in sunlight. */
import { css } from 'lit';

export const phone = css`
  :host {
    display: block;
    height: 100%;
    font-size: 16px;
  }
  form {
    height: 100%;
    display: grid;
    grid-template-rows: minmax(0, 1fr) auto;
  }
  .body {
    overflow: auto;
    padding: 16px;
    display: grid;
    align-content: start;
    gap: 16px;
  }
  footer {
    padding: 12px 16px calc(12px + env(safe-area-inset-bottom));
    background: var(--surface);
    border-top: 1px solid var(--line);
    display: grid;
    gap: 8px;
  }
  h2 {
    font-size: 18px;
  }
  section {
    display: grid;
    gap: 8px;
  }
  button,
  .button,
  select,
  input:not([type='checkbox'], [type='radio']) {
    min-height: 48px;
    font-size: 16px;
  }
  button {
    white-space: normal;
  }
  input,
  select {
    background: var(--surface);
  }
  footer button.primary,
  .big {
    min-height: 56px;
    font-size: 18px;
    width: 100%;
  }
  .button {
    display: grid;
    place-items: center;
    text-align: center;
    text-decoration: none;
  }
  label,
  legend {
    color: var(--text);
    padding: 0;
  }
  label > input,
  label > select {
    margin-top: 4px;
  }
  fieldset {
    border: 0;
    margin: 0;
    padding: 0;
    display: grid;
    gap: 8px;
    min-width: 0;
  }
  legend {
    font-weight: 600;
    margin-bottom: 8px;
  }
  .choices {
    display: grid;
    gap: 8px;
  }
  .two {
    grid-template-columns: 1fr 1fr;
  }
  .choice {
    display: flex;
    align-items: center;
    gap: 12px;
    min-height: 48px;
    padding: 8px 12px;
    background: var(--surface);
    border: 1px solid var(--edge);
    border-radius: 6px;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .choice:has(:checked) {
    border-color: var(--accent);
    background: var(--chosen);
  }
  .choice:has(:focus-visible) {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .choice input {
    width: 24px;
    height: 24px;
    min-height: 0;
    margin: 0;
    flex: none;
    accent-color: var(--accent);
  }
  .choice .text {
    flex: 1;
    min-width: 0;
  }
  .muted {
    font-size: 15px;
  }
  .note {
    padding: 12px;
    background: var(--surface);
    border-inline-start: 4px solid var(--accent);
  }
  .note.bad {
    border-color: var(--bad);
  }
  .problem {
    margin-top: 4px;
  }
  [aria-invalid='true'] {
    border: 2px solid var(--bad);
  }
  dl {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 8px 16px;
  }
  dt {
    color: var(--muted);
  }
  dd {
    overflow-wrap: anywhere;
  }
`;
