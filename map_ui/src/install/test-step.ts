/** The test: what the device says is here within two seconds. It ends by itself, and then the device rings. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { named, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { setStatus, signalsSince, unknownDevices } from './api.ts';
import type { Signal, UnknownDevice } from './documents.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';

/** Asked once a second. The live feed carries no signals, and an installer has no right to incidents. */
const EVERY_MS = 1000;
const LOOK_BACK_MS = 10 * 60_000;
const MORE_MS = 30 * 60_000;

@customElement('lf-test-step')
export class TestStep extends StepElement {
  @state() private signals: Signal[] = [];
  /** What speaks through this gateway and is not registered yet. */
  @state() private strangers: UnknownDevice[] = [];
  @state() private lost = false;
  @state() private now = 0;
  #since = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    shared,
    phone,
    css`
      .signals {
        display: grid;
        gap: 8px;
      }
      .signals li {
        padding: 12px;
        background: var(--surface);
        border: 1px solid var(--line);
        border-inline-start: 4px solid var(--good);
        border-radius: 6px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override watched(app: StepElement['app']) {
    return [app.job];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#since = new Date(this.app.serverNow() - LOOK_BACK_MS).toISOString();
    void this.ask();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  private async ask(): Promise<void> {
    const { device } = this.app.job.value;
    this.now = this.app.serverNow();
    if (device) {
      try {
        this.signals = await signalsSince(device.id, this.#since);
        if (device.kind === 'gateway') {
          this.strangers = (await unknownDevices()).filter((one) => one.publisher === device.device_id);
        }
        this.lost = false;
      } catch {
        this.lost = true; // said on the page; the next second tries again
      }
    }
    if (this.isConnected) this.#timer = setTimeout(() => void this.ask(), EVERY_MS);
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const { device } = this.app.job.value;
    if (!device) return;
    void this.send(async () =>
      this.app.go('done', { device: await setStatus(device.id, 'in_service', null) }),
    );
  }

  private more(): void {
    const { device } = this.app.job.value;
    if (!device) return;
    void this.send(async () => {
      const again = await setStatus(device.id, 'test', new Date(this.app.serverNow() + MORE_MS));
      this.app.job.set({ ...this.app.job.value, device: again });
    });
  }

  override render(): TemplateResult {
    const { device } = this.app.job.value;
    if (!device) return html``;
    const left_s = Math.max(0, Math.round((Date.parse(device.test_until ?? '') - this.now) / 1000)) || 0;
    const age = `${Math.floor(left_s / 60)}:${String(left_s % 60).padStart(2, '0')}`;
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <p class="note">${left_s > 0 ? t('install.test.left', { age }) : t('install.test.over')}</p>
        ${this.lost ? html`<p class="note bad" role="alert">${t('install.test.lost')}</p>` : nothing}
        <div role="status">
          <h2>
            ${this.signals.length ? t('install.test.heard', { n: this.signals.length }) : t('install.test.none')}
          </h2>
        </div>
        <ul class="signals">
          ${this.signals.map(
            (signal) =>
              html`<li>
                <b>${named('category', signal.category)}</b>
                ${signal.qualifier === 'restore' ? `· ${t('install.test.restore')}` : nothing}
                ${signal.zone ? `· ${t('detail.zone', { zone: signal.zone })}` : nothing}<br />
                <span class="muted"
                  >${this.app.clock.second(Date.parse(signal.received_at))} · ${signal.event}</span
                >
                ${signal.text ? html`<br />${signal.text}` : nothing}
              </li>`,
          )}
        </ul>
        ${
          this.strangers.length > 0
            ? html`<section>
                <h2>${t('install.test.children')}</h2>
                <ul>
                  ${this.strangers.map((one) => html`<li>${one.child || one.publisher}</li>`)}
                </ul>
              </section>`
            : nothing
        }
        <button type="button" @click=${this.more}>${t('install.test.more')}</button>
        <button type="button" @click=${() => this.app.go('setup')}>${t('install.test.setup')}</button>
      </div>
      ${this.footer(this.signals.length ? t('install.test.serve') : t('install.test.serve_unheard'))}
    </form>`;
  }
}

@customElement('lf-done-step')
export class DoneStep extends StepElement {
  static override styles = [shared, phone];

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    this.app.again(this.app.job.value.site ? 'device' : 'place');
  }

  override render(): TemplateResult {
    const { device, site } = this.app.job.value;
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <p class="note" role="status">
          ${t('install.done.text', { device: device?.name || device?.device_id || '' })}
        </p>
        ${site ? html`<p>${t('install.done.site', { site: site.name })}</p>` : nothing}
        ${
          site
            ? html`<button type="button" class="big" @click=${() => this.app.again('place')}>
                ${t('install.done.next_place')}
              </button>`
            : nothing
        }
      </div>
      ${this.footer(site ? t('install.done.next_here') : t('install.done.next_place'))}
    </form>`;
  }
}
