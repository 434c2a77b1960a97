/** A contact with a masked number; the number itself only with a reason, which the audit log keeps. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { revealPhone } from '../api/endpoints.ts';
import { named, t } from '../i18n/i18n.ts';
import type { Contact } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

@customElement('lf-contact')
export class ContactRow extends AppElement {
  @property({ attribute: false }) contact!: Contact;
  @property({ attribute: false }) siteId!: number;
  @state() private asking = false;
  @state() private sending = false;
  @state() private phone: string | null = null;
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
      this.phone = null;
      this.asking = false;
    }
  }

  private async reveal(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const field = this.renderRoot.querySelector('input');
    const reason = field?.value.trim() ?? '';
    if (!reason) {
      this.problem = t('action.text_missing');
      field?.focus();
      return;
    }
    this.sending = true;
    this.problem = null;
    try {
      this.phone = (await revealPhone(this.siteId, this.contact.id, reason)).phone;
      this.asking = false;
    } catch (problem) {
      this.problem = explain(problem);
    } finally {
      this.sending = false;
    }
  }

  override render(): TemplateResult {
    const { contact } = this;
    return html`<div class="row">
        <b>${contact.name}</b>
        <span class="muted">${named('relation', contact.relation)}</span>
        ${
          this.phone === null
            ? html`<span>${contact.phone_masked}</span>
                <button
                  class="link"
                  ?hidden=${!this.app.may('contact.reveal')}
                  aria-expanded=${this.asking ? 'true' : 'false'}
                  @click=${() => {
                    this.asking = !this.asking;
                  }}
                >
                  ${t('detail.reveal')}
                </button>`
            : html`<a href="tel:${this.phone}">${this.phone}</a>`
        }
      </div>
      ${
        this.asking
          ? html`<form @submit=${this.reveal} novalidate>
              <label>${t('detail.reveal_reason')}<input name="reason" maxlength="200" /></label>
              <div class="buttons">
                <button class="primary" ?disabled=${this.sending}>
                  ${this.sending ? t('action.sending') : t('detail.reveal_go')}
                </button>
                <button
                  type="button"
                  @click=${() => {
                    this.asking = false;
                  }}
                >
                  ${t('action.cancel')}
                </button>
              </div>
            </form>`
          : nothing
      }
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}`;
  }
}
