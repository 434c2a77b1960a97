/** Somebody to call, or who called, masked; the number itself only with a reason, which the audit log keeps. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import type { Revealed } from '../api/endpoints.ts';
import { named, t } from '../i18n/i18n.ts';
import type { Contact } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

@customElement('lf-contact')
export class ContactRow extends AppElement {
  @property({ attribute: false }) contact!: Contact;
  @property({ attribute: false }) permission!: string;
  @property({ attribute: false }) reveal!: (reason: string) => Promise<Revealed>;
  @state() private asking = false;
  @state() private sending = false;
  @state() private shown: Revealed | null = null;
  @state() private problem: string | null = null;

  static override styles = [
    shared,
    css`
      :host {
        display: block;
        padding: 4px 0;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 10px;
        align-items: center;
      }
      .row b {
        flex: 1;
      }
      a {
        color: var(--accent);
        font-size: 16px;
      }
      form {
        display: grid;
        gap: 6px;
        padding: 6px 0;
      }
      .buttons {
        display: flex;
        gap: 8px;
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const before = changed.get('contact') as Contact | undefined;
    if (before && before.id !== this.contact.id) {
      this.shown = null;
      this.asking = false;
    }
  }

  /** Escape folds the question, not the case around it. */
  private foldOnEscape(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.stopPropagation();
    this.fold();
    this.renderRoot.querySelector<HTMLElement>('button.link')?.focus();
  }

  private fold(): void {
    this.asking = false;
    this.problem = null;
  }

  private async ask(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const field = this.renderRoot.querySelector('input');
    const reason = field?.value.trim() ?? '';
    if (!reason) {
      this.problem = t('action.text_missing');
      field?.focus();
      return;
    }
    const { id } = this.contact;
    this.sending = true;
    this.problem = null;
    try {
      const shown = await this.reveal(reason);
      if (this.contact.id !== id) return; // another one is shown meanwhile
      this.shown = shown;
      this.asking = false;
    } catch (problem) {
      this.problem = explain(problem);
    } finally {
      this.sending = false;
    }
  }

  override render(): TemplateResult {
    const { contact, shown } = this;
    return html`<div class="row">
        <b>${shown?.name ?? contact.name}</b>
        <span class="muted">${named('relation', contact.relation)}</span>
        ${
          shown === null
            ? html`<span>${contact.phone_masked}</span>
                <button
                  class="link"
                  ?hidden=${!this.app.may(this.permission)}
                  aria-expanded=${this.asking ? 'true' : 'false'}
                  @click=${() => {
                    this.asking = !this.asking;
                  }}
                >
                  ${t('detail.reveal')}
                </button>`
            : shown.phone === null
              ? nothing
              : html`<a href="tel:${shown.phone}">${shown.phone}</a>`
        }
      </div>
      ${
        this.asking
          ? html`<form @submit=${this.ask} @keydown=${this.foldOnEscape} novalidate>
              <label>${t('detail.reveal_reason')}<input name="reason" maxlength="200" /></label>
              <div class="buttons">
                <button class="primary" ?disabled=${this.sending}>
                  ${this.sending ? t('action.sending') : t('detail.reveal_go')}
                </button>
                <button type="button" @click=${this.fold}>${t('action.cancel')}</button>
              </div>
            </form>`
          : nothing
      }
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}`;
  }
}
