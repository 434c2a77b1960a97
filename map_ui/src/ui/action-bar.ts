/** What can be done with the incident now. Forms open in place; nothing covers the queue. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { App, Draft } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { type Action, fits, RIGHT_OF } from '../model/actions.ts';
import { DISPOSITIONS, type Disposition, type Incident } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

const KEY: Partial<Record<Action, string>> = { acknowledge: 'A', dispatch: 'D', notes: 'N', close: 'C' };
/** These take a form first; the others go at once. */
const FORMS: readonly Action[] = ['dispatch', 'notes', 'close', 'verify', 'reopen'];
const LABEL = {
  dispatch: 'action.dispatch_text',
  notes: 'action.note_text',
  verify: 'action.verify_text',
  close: 'action.close_text',
  reopen: 'action.reopen_text',
} as const;
const NEEDS_TEXT: readonly Action[] = ['dispatch', 'notes', 'reopen'];

@customElement('lf-actions')
export class ActionBar extends AppElement {
  @property({ attribute: false }) incident!: Incident;
  @state() private disposition: Disposition | null = null;
  @state() private missing = false;
  #focused: Draft = null;

  static override styles = [
    shared,
    css`
      :host {
        display: block;
        padding: 10px 16px 12px;
        border-top: 1px solid var(--line);
        background: var(--surface);
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      form {
        display: grid;
        gap: 8px;
        padding-bottom: 10px;
      }
      textarea {
        resize: vertical;
        min-height: 56px;
        margin-top: 4px; /* the ring of the focus would cut the label */
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 6px;
      }
      legend {
        color: var(--muted);
        padding-bottom: 4px;
      }
      fieldset button {
        white-space: normal;
        text-align: start;
      }
      fieldset button[aria-pressed='true'] {
        border-color: var(--accent);
        box-shadow: inset 0 0 0 1px var(--accent);
      }
      .levels {
        grid-template-columns: 1fr;
      }
      .problem {
        padding-bottom: 8px;
      }
      .unsent {
        color: var(--text);
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override watched(app: App) {
    return [app.draft, app.answers.pending, app.answers.problems];
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const before = changed.get('incident') as Incident | undefined;
    if (before && before.id !== this.incident.id) this.disposition = null;
    if (this.app.draft.value === null) this.disposition = null;
    if (this.app.draft.value !== this.#focused) this.missing = false;
  }

  protected override updated(): void {
    const { app, incident } = this;
    const draft = app.draft.value;
    if (draft !== null && !fits(draft, incident.state) && this.isSpent(draft)) {
      app.draft.set(null);
      this.#focused = null;
      return;
    }
    if (draft !== null && draft !== this.#focused) {
      const field = this.renderRoot.querySelector('textarea');
      if (field) field.value = app.answers.unsent(incident.id).get(draft) ?? '';
      this.renderRoot.querySelector<HTMLElement>('form textarea, form fieldset button')?.focus();
    }
    this.#focused = draft;
  }

  /**
   * The feed may tell of what was sent before its answer comes: then the form is not open any more, nor in Escape's way.
   * When it was another desk, a form with words in it stays: nothing is taken from under the hands that write.
   */
  private isSpent(draft: Exclude<Draft, null>): boolean {
    const text = this.text();
    return text === '' || this.app.answers.isSending(this.incident.id, draft, text);
  }

  override render(): TemplateResult {
    const { app, incident } = this;
    const problem = app.answers.problems.value.get(incident.id);
    const draft = app.draft.value;
    return html`${problem ? this.refused(problem) : nothing} ${draft ? this.form(draft) : nothing}
      <div class="buttons">
        ${this.button('acknowledge', true)} ${this.button('reopen', true)}
        ${this.button('dispatch', incident.state !== 'new')} ${this.button('notes')} ${this.button('close')}
        ${
          incident.position
            ? html`<button
                title="${t('action.zoom')} (Z)"
                @click=${() => {
                  app.tab.set('map');
                  app.zoomTo.set({ incident: incident.id });
                }}
              >
                ${t('action.zoom')} <kbd>Z</kbd>
              </button>`
            : nothing
        }
        ${this.button('on-scene')} ${this.button('resolve')} ${this.button('verify')}
        ${incident.handler?.id === app.session.value?.user.id || incident.state === 'new' ? nothing : this.button('handle')}
      </div>`;
  }

  /** What was refused, with the words that were not taken, where no open form has them. */
  private refused(problem: string): TemplateResult {
    const { app, incident } = this;
    const unsent = [...app.answers.unsent(incident.id)].filter(([action]) => action !== app.draft.value);
    return html`<div class="problem">
      <p role="alert">${problem}</p>
      ${unsent.map(
        ([action, text]) =>
          html`<p class="unsent">${t('action.unsent')} (${t(`action.${action}`)}): “${text}”</p>`,
      )}
      ${
        app.draft.value === null
          ? html`<button class="link" @click=${() => app.answers.dismiss(incident.id)}>
              ${t('live.dismiss')}
            </button>`
          : nothing
      }
    </div>`;
  }

  private button(action: Action, primary = false): TemplateResult | typeof nothing {
    const { app, incident } = this;
    if (!fits(action, incident.state)) return nothing;
    const allowed = app.may(RIGHT_OF[action]);
    const pending = app.answers.isPending(incident.id, action);
    const key = KEY[action];
    return html`<button
      class=${primary ? 'primary' : ''}
      data-action=${action}
      ?disabled=${!allowed || pending}
      title=${allowed ? `${t(`action.${action}`)}${key ? ` (${key})` : ''}` : t('action.not_allowed')}
      aria-expanded=${FORMS.includes(action) ? (app.draft.value === action ? 'true' : 'false') : nothing}
      @click=${() => this.press(action)}
    >
      ${pending ? t('action.sending') : t(`action.${action}`)}
      ${key && !pending ? html`<kbd>${key}</kbd>` : nothing}
    </button>`;
  }

  private press(action: Action): void {
    if (!FORMS.includes(action)) {
      void this.app.answers.act(this.incident.id, action);
      return;
    }
    const draft = action as Exclude<Draft, null>;
    if (this.app.draft.value === draft) this.app.draft.set(null);
    else this.app.write(draft);
  }

  private form(draft: Exclude<Draft, null>): TemplateResult {
    const { app, incident } = this;
    const sending = app.answers.isPending(incident.id, draft);
    const falsely = this.disposition?.startsWith('false_') ?? false;
    return html`<form @submit=${(event: SubmitEvent) => this.submit(event, draft)} novalidate>
      ${draft === 'close' ? this.dispositions() : nothing} ${draft === 'verify' ? this.levels() : nothing}
      <label>
        ${t(LABEL[draft])}
        <textarea
          name="text"
          rows="2"
          maxlength="2000"
          @keydown=${this.sendOnEnter}
          @input=${(event: InputEvent) => {
            app.answers.keep(incident.id, draft, (event.target as HTMLTextAreaElement).value);
          }}
        ></textarea>
      </label>
      ${
        // Another desk was faster: the server would refuse it; the words stay, to be copied or thrown away.
        fits(draft, incident.state)
          ? nothing
          : html`<p class="problem" role="alert">
              ${t('action.overtaken', { state: t(`state.${incident.state}`) })}
            </p>`
      }
      ${this.missing ? html`<p class="problem" role="alert">${t('action.text_missing')}</p>` : nothing}
      <div class="buttons">
        ${
          draft === 'verify' || (draft === 'close' && this.disposition === null)
            ? nothing
            : html`<button class=${falsely ? 'danger' : 'primary'} type="submit">
                ${
                  sending
                    ? t('action.sending')
                    : falsely && this.disposition
                      ? t('action.confirm_false', { disposition: t(`disposition.${this.disposition}`) })
                      : t(draft === 'close' ? 'action.close' : 'action.send')
                }
              </button>`
        }
        <button type="button" title="Esc" @click=${() => app.discard()}>${t('action.cancel')}</button>
      </div>
    </form>`;
  }

  /** Ctrl+Enter sends; Enter alone is a new line, and the end of a word typed in Chinese. */
  private sendOnEnter(event: KeyboardEvent): void {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      (event.target as HTMLTextAreaElement).form?.requestSubmit();
    }
  }

  private dispositions(): TemplateResult {
    return html`<fieldset>
      <legend>${t('action.close_as')}</legend>
      ${DISPOSITIONS.map(
        (disposition) =>
          html`<button
            type="button"
            aria-pressed=${this.disposition === disposition ? 'true' : 'false'}
            data-disposition=${disposition}
            @click=${() => this.choose(disposition)}
          >
            ${t(`disposition.${disposition}`)}
          </button>`,
      )}
    </fieldset>`;
  }

  /** A false alarm takes one more click: it cannot be undone, and it counts against the site. */
  private choose(disposition: Disposition): void {
    this.disposition = disposition;
  }

  private levels(): TemplateResult {
    return html`<fieldset class="levels">
      <legend>${t('action.verify')}</legend>
      ${([0, 1, 2, 3, 4] as const).map(
        (level) =>
          html`<button
            type="button"
            data-level=${level}
            aria-pressed=${this.incident.verification_level === level ? 'true' : 'false'}
            @click=${() => this.send('verify', { level, text: this.text() })}
          >
            ${level} ${t(`level.${level}`)}
          </button>`,
      )}
    </fieldset>`;
  }

  private text(): string {
    return this.renderRoot.querySelector('textarea')?.value.trim() ?? '';
  }

  private submit(event: SubmitEvent, draft: Exclude<Draft, null>): void {
    event.preventDefault();
    const text = this.text();
    this.missing = NEEDS_TEXT.includes(draft) && text === '';
    if (this.missing) {
      this.renderRoot.querySelector('textarea')?.focus();
      return;
    }
    if (draft === 'close') {
      if (this.disposition)
        // With the version that was looked at: what became graver meanwhile must not be closed unseen.
        void this.send('close', { disposition: this.disposition, text, version: this.incident.version });
    } else void this.send(draft, { text });
  }

  /**
   * Folds the form once it was taken, unless by then another form is open, or this one for another incident, or somebody
   * writes on.
   */
  private async send(action: Exclude<Draft, null>, body: Record<string, unknown>): Promise<void> {
    const { id } = this.incident;
    if (!(await this.app.answers.act(id, action, body))) return;
    const written = this.app.answers.unsent(id).has(action);
    if (this.incident.id === id && this.app.draft.value === action && !written) this.app.draft.set(null);
  }
}
