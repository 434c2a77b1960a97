/** What a screen reader says at once: new incidents of priority 1 and 2. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { newsOf } from './words.ts';

/** Long enough to be heard out; then the same words are news again, and no other language says them anew. */
const KEPT_MS = 10_000;

/** Words as they were when it came: a reader says again whatever is written again. */
interface Said {
  text: string;
}

@customElement('lf-announcer')
export class Announcer extends AppElement {
  @state() private said: readonly Said[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #unwatch: (() => void) | null = null;

  static override styles = [shared];

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (!changed.has('app')) return;
    this.#unwatch?.();
    const { app } = this;
    this.#unwatch = app.announcement.watch((incidents) => this.say({ text: newsOf(app, incidents) }));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unwatch?.();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  private say(news: Said): void {
    this.said = [...this.said, news];
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.said = this.said.filter((said) => said !== news);
    }, KEPT_MS);
    this.#timers.add(timer);
  }

  // Only what is added is read, not the whole again.
  override render(): TemplateResult {
    return html`<div class="heard" role="alert" aria-atomic="false">
      ${repeat(
        this.said,
        (said) => said,
        (said) => html`<p>${said.text}</p>`,
      )}
    </div>`;
  }
}
