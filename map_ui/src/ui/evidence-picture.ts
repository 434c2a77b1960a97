/**
 * A camera's snapshot. A look at the picture of an open incident states its own reason; of a closed one, a person says
 * why. Each look leaves a line in the audit log, so a picture that is shown is not asked for again.
 */
import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { explain } from '../api/client.ts';
import { evidence } from '../api/endpoints.ts';
import { t } from '../i18n/i18n.ts';
import type { Picture } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';

@customElement('lf-picture')
export class EvidencePicture extends AppElement {
  @property({ attribute: false }) picture!: Picture;
  /** Why it is looked at, where the page itself can say so; null: ask. */
  @property({ attribute: false }) reason: string | null = null;
  @state() private address: string | null = null;
  @state() private asking = false;
  @state() private loading = false;
  @state() private problem: string | null = null;
  #wanted = '';

  static override styles = [
    shared,
    css`
      :host {
        display: block;
      }
      figure {
        margin: 0;
        display: grid;
        gap: 4px;
      }
      img {
        display: block;
        width: 100%;
        height: auto;
        border-radius: 4px;
        background: var(--raised);
      }
      form {
        display: grid;
        gap: 6px;
        padding: 6px 0;
      }
    `,
  ];

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (this.picture.sha256 !== this.#wanted) {
      this.forget();
      this.#wanted = this.picture.sha256;
    } else if (!changed.has('reason')) return;
    if (this.reason !== null && this.address === null) void this.load(this.reason);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.forget();
  }

  /** The bytes leave this computer's memory with the picture. */
  private forget(): void {
    if (this.address !== null) URL.revokeObjectURL(this.address);
    this.address = null;
    this.#wanted = '';
    this.asking = false;
    this.loading = false;
    this.problem = null;
  }

  private async load(reason: string): Promise<void> {
    if (this.loading) return; // asked twice would be looked at twice
    const { sha256 } = this.picture;
    this.loading = true;
    this.problem = null;
    try {
      const blob = await evidence(sha256, reason);
      if (this.#wanted !== sha256 || !this.isConnected) return; // another one is shown meanwhile
      this.address = URL.createObjectURL(blob);
      this.asking = false;
    } catch (problem) {
      if (this.#wanted === sha256) this.problem = explain(problem);
    } finally {
      if (this.#wanted === sha256) this.loading = false;
    }
  }

  private ask(event: SubmitEvent): void {
    event.preventDefault();
    const field = this.renderRoot.querySelector('input');
    const reason = field?.value.trim() ?? '';
    if (reason.length < 3) {
      this.problem = t('action.text_missing');
      field?.focus();
      return;
    }
    void this.load(reason);
  }

  override render(): TemplateResult {
    const { app, picture } = this;
    const time = app.clock.exact(picture.taken_at, app.now.value);
    return html`<figure>
        ${
          this.address
            ? html`<img
                src=${this.address}
                width=${picture.width_px}
                height=${picture.height_px}
                alt=${t('detail.picture_alt', { camera: picture.camera, time })}
              />`
            : nothing
        }
        <figcaption>
          <b>${picture.camera}</b> <time class="muted">${time}</time>
          ${
            this.address === null && !this.loading && (this.reason === null || this.problem)
              ? html`<button
                  class="link"
                  aria-expanded=${this.reason === null ? String(this.asking) : nothing}
                  @click=${() => {
                    if (this.reason === null) this.asking = !this.asking;
                    else void this.load(this.reason);
                  }}
                >
                  ${t('detail.picture_show')}
                </button>`
              : nothing
          }
        </figcaption>
      </figure>
      ${
        this.asking
          ? html`<form @submit=${this.ask} novalidate>
              <label>${t('detail.reveal_reason')}<input name="reason" maxlength="200" /></label>
              <button class="primary">${t('detail.reveal_go')}</button>
            </form>`
          : nothing
      }
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}`;
  }
}
