/** What to type into the device, as text and as a QR code. The password is here once. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { named, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { issueSetup, readSetup } from './api.ts';
import type { Setup } from './documents.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';

const worded = (value: string): string =>
  value === 'on' || value === 'off' ? t(`install.word.${value}`) : value;

@customElement('lf-setup-step')
export class SetupStep extends StepElement {
  @state() private copied = false;

  static override styles = [
    shared,
    phone,
    css`
      pre {
        margin: 0;
        padding: 12px;
        overflow: auto;
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 6px;
        font-size: 14px;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      dd {
        font-family: ui-monospace, monospace;
      }
      img {
        display: block;
        width: min(100%, 300px);
        margin: auto;
        background: white;
        image-rendering: pixelated;
      }
      .print {
        font-family: ui-monospace, monospace;
        font-size: 14px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    const { device, setup } = this.app.job.value;
    if (device && !setup) void this.send(async () => this.keep(await readSetup(device.id)));
  }

  protected override watched(app: StepElement['app']) {
    return [app.job];
  }

  private keep(setup: Setup): void {
    this.copied = false;
    this.app.job.set({ ...this.app.job.value, setup });
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const { setup } = this.app.job.value;
    // Shown once: whoever comes back to this screen sees it no more.
    if (setup?.password) this.app.go('test', { setup: null });
    else this.app.go('test');
  }

  override render(): TemplateResult {
    const { device, setup } = this.app.job.value;
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        ${device ? html`<p class="note" role="status">${t('install.site.saved', { name: device.name || device.device_id })}</p>` : nothing}
        ${setup === null ? nothing : setup.through ? this.through(setup) : this.values(setup)}
      </div>
      ${this.footer(t('install.setup.go'), t('install.loading'))}
    </form>`;
  }

  private through(setup: Setup): TemplateResult {
    return html`<p>
        ${t('install.setup.through', { gateway: setup.through?.name || setup.through?.device_id || '' })}
      </p>
      <p><b>${setup.external_id}</b></p>`;
  }

  private values(setup: Setup): TemplateResult {
    return html`${setup.broker_reachable ? nothing : html`<p class="note bad" role="alert">${t('install.setup.unreachable')}</p>`}
      <p class="note">${setup.password ? t('install.setup.once') : t('install.setup.hidden')}</p>
      <dl>
        ${setup.values.map(
          ({ name, value }) =>
            html`<dt>${named('install.value', name)}</dt>
              <dd data-name=${name}>${worded(value)}</dd>`,
        )}
      </dl>
      ${setup.password ? nothing : html`<button type="button" @click=${this.renew}>${t('install.setup.renew')}</button>`}
      <section>
        <h2>${t('install.setup.paste')}</h2>
        <pre>${setup.paste}</pre>
        <button type="button" @click=${() => this.copy(setup.paste)}>
          ${this.copied ? t('install.setup.copied') : t('install.setup.copy')}
        </button>
        <img src=${setup.qr} alt=${t('install.setup.qr')} />
      </section>
      ${
        setup.ca
          ? html`<section>
              <h2>${t('install.setup.ca')}</h2>
              <p class="print">${setup.ca.sha256}</p>
              <a class="button" href=${setup.ca.url} download>${t('install.ca.get')}</a>
            </section>`
          : nothing
      }`;
  }

  private renew(): void {
    const { device } = this.app.job.value;
    if (device) void this.send(async () => this.keep(await this.once('login', () => issueSetup(device.id))));
  }

  private copy(text: string): void {
    void this.send(async () => {
      // Undefined on a page over plain HTTP.
      const clipboard = navigator.clipboard as Clipboard | undefined;
      if (!clipboard) throw new Error(t('install.setup.no_copy'));
      await clipboard.writeText(text);
      this.copied = true;
    });
  }
}
