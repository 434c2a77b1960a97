import { css } from 'lit';

export const mapStyles = css`
  :host {
    display: block;
    min-width: 0;
    min-height: 0;
    position: relative;
    background: var(--ground);
  }
  .whole,
  .map {
    position: absolute;
    inset: 0;
  }
  .maplibregl-canvas.pointing {
    cursor: pointer;
  }
  .picking .maplibregl-canvas {
    cursor: crosshair;
  }
  .maplibregl-canvas:focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: -3px;
  }
  .maplibregl-ctrl-scale {
    background: none;
    color: var(--text);
    border-color: var(--muted);
    font: inherit;
    font-size: 12px;
  }
  .corner {
    position: absolute;
    z-index: 1;
    display: grid;
    gap: 8px;
    pointer-events: none;
  }
  .corner > * {
    pointer-events: auto;
  }
  .top-left {
    top: 12px;
    left: 12px;
    justify-items: start;
    max-width: min(70%, 420px);
  }
  .top-right {
    top: 12px;
    right: 12px;
    justify-items: end;
    gap: 4px;
  }
  .top-right button {
    min-width: 36px;
    background: var(--surface);
  }
  .bottom-right {
    right: 12px;
    bottom: 12px;
    justify-items: end;
  }
  .note {
    padding: 4px 8px;
    font-size: 13px;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 4px;
  }
  .note.strong {
    border-color: var(--accent);
    font-size: 16px;
  }
  @media (max-width: 700px) {
    .bottom-right {
      bottom: 44px;
    }
  }
  .failed {
    position: absolute;
    inset: 40% 24px auto;
    text-align: center;
  }
`;
