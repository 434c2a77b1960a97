/** Whether somebody is writing. Where nobody is, each letter is a command. */

/** After the last letter, this long is still the same sentence, though its field is gone. */
const SENTENCE_MS = 1500;

/** What is typed there is text; a document or window, which may have a key too, is no field. */
export function isField(target: EventTarget | null | undefined): boolean {
  return (target as Partial<Element>)?.matches?.('textarea, select, input:not([type=checkbox])') ?? false;
}

/** Whether a field has the focus, through all shadow roots. */
export function fieldHasFocus(): boolean {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return isField(focused);
}

/** The hands that write do not see at once that a field went away under them; times are in ms. */
export class Hands {
  #typedAt = Number.NEGATIVE_INFINITY;

  typed(now: number): void {
    this.#typedAt = now;
  }

  /** The sentence was ended on purpose: sent, left, thrown away. */
  ended(): void {
    this.#typedAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether a key that no field took belongs to a sentence; the next one then does too. */
  areWriting(now: number): boolean {
    if (now - this.#typedAt >= SENTENCE_MS) return false;
    this.#typedAt = now;
    return true;
  }
}
