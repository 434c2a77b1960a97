import { css } from 'lit';

export const topLineStyles = css`
  header {
    white-space: nowrap;
  }
  h1 {
    letter-spacing: 0.06em;
  }
  nav {
    flex: 1;
    min-width: 0;
  }
  ol {
    display: flex;
    align-items: center;
    min-width: 0;
    overflow: hidden;
  }
  li {
    display: flex;
    align-items: center;
    min-width: 0;
  }
  li + li::before {
    content: '›';
    color: var(--muted);
    padding: 0 2px;
  }
  li button {
    padding: 2px 6px;
    overflow: hidden;
    text-overflow: ellipsis;
    min-width: 3em;
  }
  li button[aria-current='true'] {
    font-weight: 700;
  }
  li select {
    width: 44px;
    border-color: transparent;
    background: transparent;
    padding: 0 4px;
  }
  li option {
    background: var(--surface);
    color: var(--text);
  }
  .menu a {
    display: none;
  }
  .counts {
    font-size: 16px;
    opacity: 1;
    border: 0;
  }
  .counts b {
    font-weight: 400;
  }
  .counts.waiting b {
    font-weight: 700;
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  .counts:disabled {
    color: var(--text);
  }
  .link.live > span {
    color: var(--good);
  }
  .link.lost {
    background: var(--badGround);
    color: var(--onBad);
    padding: 2px 8px;
    border-radius: 4px;
  }
  .bell {
    width: 16px;
    height: 16px;
    vertical-align: -3px;
  }
  .bell path {
    fill: none;
    stroke: currentColor;
    stroke-width: 1.4;
    stroke-linejoin: round;
  }
  .clock {
    font-size: 18px;
    font-weight: 600;
  }
  .menu {
    white-space: normal;
  }
  @media (max-width: 1023px) {
    /* Still the page's heading for those who hear it. */
    h1 {
      position: absolute;
      clip-path: inset(50%);
      width: 1px;
      height: 1px;
      overflow: hidden;
    }
  }
  @media (max-width: 700px) {
    header {
      flex-wrap: wrap;
      gap: 0 6px;
      padding: 2px 4px 2px 12px;
    }
    nav {
      order: 9;
      flex-basis: 100%;
      display: none;
    }
    nav.shown {
      display: block;
    }
    header > a {
      display: none;
    }
    .menu a {
      display: block;
    }
    .sound .words {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .sound {
      min-width: 44px;
    }
    .counts {
      flex: 1;
      text-align: start;
      padding-inline: 0;
    }
    .clock {
      display: none;
    }
  }
`;
