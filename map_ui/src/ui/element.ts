/** The base of every element here: it has the app, and renders again when what it watches changes. */
import { LitElement, type PropertyValues } from 'lit';
import { property } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { locale } from '../i18n/i18n.ts';

/** Whatever the value: here it only matters that it changed. */
interface Watchable {
  watch(watcher: () => void): () => void;
}

export abstract class AppElement extends LitElement {
  @property({ attribute: false }) app!: App;

  #unwatch: (() => void)[] = [];

  /** What this element shows; the language comes by itself. */
  protected watched(_app: App): Watchable[] {
    return [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.app) this.#watch();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('app') && this.isConnected) this.#watch();
  }

  #watch(): void {
    this.#stop();
    const again = () => this.requestUpdate();
    this.#unwatch = [locale, ...this.watched(this.app)].map((observable) => observable.watch(again));
  }

  #stop(): void {
    for (const end of this.#unwatch) end();
    this.#unwatch = [];
  }
}
