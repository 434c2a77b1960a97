/** What every element's shadow root needs: buttons, fields, focus, text that is only heard. */
import { css } from 'lit';

export const shared = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    color: var(--text);
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  button,
  .button {
    font: inherit;
    color: var(--text);
    background: var(--raised);
    border: 1px solid var(--edge);
    border-radius: 4px;
    min-height: 32px;
    padding: 4px 10px;
    cursor: pointer;
    white-space: nowrap;
  }
  button:hover:not(:disabled) {
    border-color: var(--accent);
  }
  button:disabled {
    cursor: default;
    color: var(--muted);
    border-style: dashed;
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--onAccent);
    font-weight: 600;
  }
  button.primary:disabled {
    background: var(--raised);
    color: var(--muted);
  }
  button.plain {
    background: none;
    border-color: transparent;
  }
  button.link {
    background: none;
    border: 0;
    padding: 0;
    min-height: 24px;
    color: var(--accent);
    text-decoration: underline;
    text-underline-offset: 2px;
  }
  button.danger {
    background: var(--badGround);
    border-color: var(--badGround);
    color: var(--onBad);
  }
  kbd {
    font: inherit;
    font-size: 12px;
    border: 1px solid currentColor;
    border-radius: 3px;
    padding: 0 4px;
    opacity: 0.85;
  }
  input,
  select,
  textarea {
    font: inherit;
    color: var(--text);
    background: var(--ground);
    border: 1px solid var(--edge);
    border-radius: 4px;
    min-height: 32px;
    padding: 4px 8px;
    width: 100%;
  }
  input[type='checkbox'] {
    width: 18px;
    height: 18px;
    min-height: 0;
    margin: 0;
    accent-color: var(--accent);
  }
  label {
    display: block;
    color: var(--muted);
  }
  .muted {
    color: var(--muted);
  }
  .problem {
    color: var(--bad);
  }
  .heard {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  /* No keyboard, no hints. */
  @media (hover: none), (max-width: 700px) {
    kbd {
      display: none;
    }
  }
  @media (max-width: 700px) {
    button {
      min-height: 44px;
    }
    input,
    select,
    textarea {
      min-height: 44px;
      font-size: 16px;
    }
  }
`;
