/** What every step has: the page's app, one thing being sent, one problem to tell, and fields that outlive the page. */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { explain, Problem } from '../api/client.ts';
import { t } from '../i18n/i18n.ts';
import { AppElement } from '../ui/element.ts';
import type { InstallApp } from './app.ts';

type Field = HTMLInputElement | HTMLSelectElement;

export abstract class StepElement extends AppElement {
  @property({ attribute: false }) declare app: InstallApp;
  @state() protected sending = false;
  @state() protected problem: string | null = null;
  /** By field: what is wrong with it, shown beside it. */
  @state() protected wrong: Readonly<Record<string, string>> = {};
  /** What was typed before the phone dropped the page, as long as it is not in its field again. */
  #typed = new Map<string, string>();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#typed = new Map(Object.entries(this.app.typed));
    this.renderRoot.addEventListener('input', (event) => {
      const field = event.target as Field;
      // A tick is somebody's word (a consent): it is given anew.
      if (!field.name || field.type === 'checkbox') return;
      this.#typed.delete(field.name);
      this.app.type(field.name, field.value);
    });
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    for (const [name, value] of this.#typed) this.#restore(name, value);
  }

  /** A field may come later than the page: the list that it chooses from is read, or it depends on another one. */
  #restore(name: string, value: string): void {
    const field = [...this.renderRoot.querySelectorAll<Field>(`[name="${name}"]`)].find((one) =>
      one instanceof HTMLSelectElement
        ? [...one.options].some((option) => option.value === value && !option.disabled)
        : one.type !== 'radio' || one.value === value,
    );
    if (!field) return;
    this.#typed.delete(name);
    if (field.type === 'radio') (field as HTMLInputElement).checked = true;
    else field.value = value;
    for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, { bubbles: true }));
  }

  /** Do it once at a time; what goes wrong is told, and nothing that was typed is lost. */
  protected async send(what: () => Promise<void>): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    this.problem = null;
    try {
      await what();
    } catch (problem) {
      if (signedOut(problem)) this.app.signInAgain();
      else this.problem = explain(problem);
    } finally {
      this.sending = false;
    }
  }

  /**
   * A write that is not done twice: where its answer never came, the next try first looks whether it was done. What is
   * told then does not say that nothing was done: nobody knows.
   */
  protected async once<T>(
    name: string,
    write: () => Promise<T>,
    look: () => Promise<T | undefined> = async () => undefined,
  ): Promise<T> {
    const there = this.app.unanswered.has(name) ? await look() : undefined;
    this.#answered(name, there === undefined);
    if (there !== undefined) return there;
    try {
      const done = await write();
      this.#answered(name);
      return done;
    } catch (problem) {
      if (answerLost(problem)) throw new Error(t('install.lost_answer'), { cause: problem });
      this.#answered(name);
      throw problem;
    }
  }

  #answered(name: string, waits = false): void {
    if (waits) this.app.unanswered.add(name);
    else this.app.unanswered.delete(name);
    this.app.keep();
  }

  /** Show what is wrong beside the fields and go to the first; whether all is well. */
  protected fine(wrong: Record<string, string>): boolean {
    this.wrong = wrong;
    const first = Object.keys(wrong)[0];
    if (first === undefined) return true;
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector<HTMLElement>(`[name=${first}]`)?.focus(),
    );
    return false;
  }

  protected beside(field: string): TemplateResult | typeof nothing {
    const what = this.wrong[field];
    return what ? html`<p class="problem" id="wrong-${field}" role="alert">${what}</p>` : nothing;
  }

  /** The big button; `busy` is what it says while its work is under way. */
  protected footer(action: string, busy = t('install.saving')): TemplateResult {
    return html`<footer>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <button class="primary" type="submit" ?disabled=${this.sending}>${this.sending ? busy : action}</button>
    </footer>`;
  }

  protected field(form: HTMLFormElement, name: string): string {
    const value = new FormData(form).get(name);
    return typeof value === 'string' ? value.trim() : '';
  }

  /** What is letters and digits to others too: a Chinese keyboard may write １３８ for 138. */
  protected plain(form: HTMLFormElement, name: string): string {
    return this.field(form, name).normalize('NFKC');
  }
}

export const signedOut = (problem: unknown): boolean => problem instanceof Problem && problem.status === 401;

/** No connection, or a proxy that gave up waiting: the server may have done it. */
const answerLost = (problem: unknown): boolean =>
  problem instanceof Problem && [0, 502, 504].includes(problem.status);
