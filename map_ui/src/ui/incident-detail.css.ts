import { css } from 'lit';

export const detailStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    background: var(--surface);
    border-inline-start: 1px solid var(--line);
    overflow: hidden;
  }
  .case {
    flex: 1;
    min-height: 0;
  }
  :host > section,
  .case > section,
  section[aria-labelledby] {
    height: 100%;
    display: flex;
    flex-direction: column;
    min-height: 0;
  }
  .head {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 10px 8px 10px 16px;
    border-bottom: 1px solid var(--line);
  }
  .head .sign {
    width: 36px;
    height: 36px;
  }
  .name {
    flex: 1;
    min-width: 0;
  }
  h2 {
    font-size: 18px;
    line-height: 1.25;
    overflow-wrap: anywhere;
  }
  h3 {
    font-size: 13px;
    font-weight: 600;
    color: var(--muted);
    padding-bottom: 4px;
  }
  .scroll {
    flex: 1;
    min-height: 0;
    overflow: auto;
    padding: 4px 16px 16px;
    scrollbar-width: thin;
    scrollbar-color: var(--edge) transparent;
  }
  .scroll:focus-visible {
    outline-offset: -3px;
  }
  .scroll > section {
    padding: 10px 0;
    border-bottom: 1px solid var(--line);
  }
  .scroll > section:last-child {
    border: 0;
  }
  .place {
    font-size: 16px;
  }
  .tag {
    display: inline-block;
    font-size: 12px;
    border: 1px solid var(--edge);
    border-radius: 3px;
    padding: 0 4px;
  }
  .tiers {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 2px 12px;
    padding-top: 6px;
  }
  dt {
    color: var(--muted);
  }
  .lines li {
    display: grid;
    padding: 3px 0;
    overflow-wrap: anywhere;
  }
  .lines li > button {
    justify-self: start;
  }
  .pictures {
    display: grid;
    gap: 10px;
    padding-top: 4px;
  }
  .reasons {
    padding-inline-start: 1.2em;
    list-style: disc;
  }
  .timeline li {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 10px;
    padding: 3px 0;
    overflow-wrap: anywhere;
  }
  .closed {
    margin: 8px 0 0;
    padding: 8px 12px;
    background: var(--raised);
    border-radius: 4px;
  }
  .bar {
    padding: 8px 16px;
    border-bottom: 1px solid var(--line);
    background: var(--raised);
  }
  .bar button {
    width: 100%;
    text-align: start;
  }
  .bar button.problem {
    color: var(--bad);
  }
  .none {
    padding: 48px 24px;
    text-align: center;
  }
  .waiting {
    padding: 16px 0;
  }
  .fold,
  .unfold {
    min-width: 32px;
    font-size: 18px;
  }
  .head > .fold:first-child {
    margin-inline-start: auto;
  }
  .unfold {
    width: 100%;
    height: 100%;
    border: 0;
    border-radius: 0;
    background: var(--surface);
    display: grid;
    justify-items: center;
    align-content: start;
    padding-top: 12px;
  }
  @media (max-width: 1023px) {
    .fold {
      display: none;
    }
  }
`;
