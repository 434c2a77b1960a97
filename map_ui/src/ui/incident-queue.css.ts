import { css } from 'lit';

export const queueStyles = css`
  :host {
    display: block;
    min-height: 0;
    background: var(--surface);
    border-inline-end: 1px solid var(--line);
    overflow: hidden;
  }
  section {
    height: 100%;
    display: flex;
    flex-direction: column;
  }
  header {
    display: flex;
    align-items: center;
    gap: 4px;
    padding: 6px 4px 2px 12px;
  }
  h2 {
    font-size: 15px;
    flex: 1;
  }
  .fold,
  .unfold {
    min-width: 32px;
    font-size: 18px;
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
    gap: 8px;
    padding-top: 12px;
  }
  .unfold span {
    font-size: 14px;
    font-weight: 700;
  }
  .search {
    padding: 4px 12px 8px;
  }
  .selection {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
    padding: 6px 12px;
    background: var(--chosen);
  }
  .selection span {
    flex: 1;
  }
  .selection .problem {
    flex-basis: 100%;
  }
  .scroll {
    position: relative;
    flex: 1;
    min-height: 0;
    overflow-y: auto;
    overflow-x: hidden;
    contain: strict;
    scrollbar-width: thin;
    scrollbar-color: var(--edge) transparent;
  }
  .rows {
    position: relative;
  }
  .row {
    position: absolute;
    inset: 0 0 auto;
    height: 66px;
    display: flex;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
    font-size: 16px;
  }
  .row.fresh.p1 {
    background: var(--grave);
  }
  .row.fresh.p1 .sign {
    width: 30px;
    height: 30px;
    margin-inline: -3px;
  }
  .row.chosen,
  .row.fresh.p1.chosen {
    background: var(--chosen);
    box-shadow: inset 3px 0 0 var(--accent);
  }
  .check {
    flex: none;
    display: grid;
    place-content: center;
    width: 36px;
    cursor: pointer;
  }
  .open {
    flex: 1;
    min-width: 0;
    height: 100%;
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto;
    align-items: center;
    gap: 10px;
    padding: 0 12px 0 0;
    border: 0;
    border-radius: 0;
    background: none;
    text-align: start;
  }
  .open:focus-visible {
    outline-offset: -3px;
  }
  .text,
  .side {
    display: grid;
    gap: 1px;
    min-width: 0;
  }
  .line {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .fresh b {
    font-weight: 650;
  }
  .taken b {
    font-weight: 400;
  }
  .place {
    font-size: 14px;
    color: var(--muted);
  }
  .side {
    justify-items: end;
    max-width: 130px;
  }
  .age {
    font-variant-numeric: tabular-nums;
  }
  .state {
    font-size: 13px;
    color: var(--muted);
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  em {
    font-style: normal;
  }
  .late {
    font-size: 13px;
    color: var(--text);
    border: 1px solid var(--edge);
    border-radius: 3px;
    padding: 0 4px;
    font-weight: 600;
  }
  .mark {
    font-size: 12px;
    margin-inline-start: 6px;
    padding: 0 4px;
    border-radius: 3px;
    background: var(--accent);
    color: var(--onAccent);
  }
  .mark.unsent {
    background: var(--badGround);
    color: var(--onBad);
  }
  .bar {
    position: absolute;
    inset: auto 0 0 36px;
    height: 2px;
    background: var(--line);
  }
  .bar i {
    display: block;
    height: 100%;
    background: var(--edge);
    transform-origin: left;
  }
  /* The only thing that moves by itself: an unacknowledged threat to life, no faster than once in 2 s. */
  .row.fresh.p1 .sign {
    animation: call 2s ease-in-out infinite;
  }
  @keyframes call {
    50% {
      opacity: 0.7;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .row.fresh.p1 .sign {
      animation: none;
    }
  }
  .divider {
    position: absolute;
    inset: 0 0 auto;
    z-index: 1;
    height: 28px;
    padding: 4px 12px;
    font-size: 13px;
    color: var(--muted);
    background: var(--raised);
    border-bottom: 1px solid var(--line);
  }
  .stale .rows {
    opacity: 0.75;
    filter: grayscale(1);
  }
  .empty,
  .none {
    padding: 48px 24px;
    text-align: center;
  }
  .empty p:first-child {
    font-size: 16px;
  }
  .skeleton {
    padding: 8px 12px;
    display: grid;
    gap: 10px;
    color: var(--muted);
  }
  .skeleton i {
    height: 54px;
    border-radius: 4px;
    background: var(--raised);
  }
  @media (max-width: 700px) {
    :host {
      border: 0;
    }
    .fold {
      display: none;
    }
    .check {
      width: 44px;
    }
  }
`;
