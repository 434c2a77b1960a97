/** The test: what the device says is here within two seconds. It ends by itself, and then the device rings. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { named, t, zoneName } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { readDevice, setStatus, signalsSince, unknownDevices } from './api.ts';
import type { InstalledDevice, Signal, UnknownDevice } from './documents.ts';
import { signedOut, StepElement } from './step.ts';
import { phone } from './styles.ts';

/** Asked once a second. The live feed carries no signals, and an installer has no right to incidents. */
const EVERY_MS = 1000;
const LOOK_BACK_MS = 10 * 60_000;
const MORE_MS = 30 * 60_000;
/** Somebody else may have ended or prolonged the test: the device is read anew after so many looks at its signals. */
const DEVICE_EVERY = 10;
/** Without an answer for so long, silence says nothing of the device: a line that is half dead gives no error for long. */
const PATIENCE_MS = 3000;
/** What became of a signal, where it is not what one expects of a test. */
const TOLD: ReadonlySet<string> = new Set(['alarm', 'activity', 'out_of_service', 'not_an_alarm']);

@customElement('lf-test-step')
export class TestStep extends StepElement {
  @state() private signals: Signal[] = [];
  /** What speaks through this gateway and is not registered yet. */
  @state() private strangers: UnknownDevice[] = [];
  @state() private lost = false;
  @state() private now = 0;
  #since = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;

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
      const slow = setTimeout(() => {
        this.lost = true;
      }, PATIENCE_MS);
      try {
        if (this.#looks % DEVICE_EVERY === 0) this.keep(await readDevice(device.id));
        this.#looks += 1;
        this.signals = await signalsSince(device.id, this.#since);
        if (device.kind === 'gateway') {
          this.strangers = (await unknownDevices()).filter((one) => one.publisher === device.device_id);
        }
        this.lost = false;
      } catch (problem) {
        if (signedOut(problem)) this.app.signInAgain();
        this.lost = true; // said on the page; the next second tries again
      } finally {
        clearTimeout(slow);
      }
    }
    if (this.isConnected) this.#timer = setTimeout(() => void this.ask(), EVERY_MS);
  }

  private keep(device: InstalledDevice): void {
    const before = this.app.job.value.device;
    // What was read before the last change may come after it.
    if (!this.isConnected || (before && before.version > device.version)) return;
    this.app.job.set({ ...this.app.job.value, device });
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const { device } = this.app.job.value;
    if (!device) return;
    if (device.status === 'in_service') return this.more();
    void this.send(async () => {
      const serving = await this.once('status', () => setStatus(device.id, 'in_service', null));
      this.app.go('done', { device: serving });
    });
  }

  private more(): void {
    const { device } = this.app.job.value;
    if (!device) return;
    void this.send(async () =>
      this.keep(
        await this.once('status', () =>
          setStatus(device.id, 'test', new Date(this.app.serverNow() + MORE_MS)),
        ),
      ),
    );
  }

  override render(): TemplateResult {
    const { device } = this.app.job.value;
    if (!device) return html``;
    const serving = device.status === 'in_service';
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <p class="note">${this.state(device)}</p>
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
                ${signal.zone ? `· ${t('detail.zone', { zone: zoneName(signal.zone) })}` : nothing}<br />
                <span class="muted"
                  >${this.app.clock.second(Date.parse(signal.received_at))} · ${signal.event}</span
                >
                ${signal.text ? html`<br />${signal.text}` : nothing}
                ${TOLD.has(signal.judgement) ? html`<br />${named('install.judged', signal.judgement)}` : nothing}
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
        ${serving ? nothing : html`<button type="button" @click=${this.more}>${t('install.test.more')}</button>`}
        <button type="button" @click=${() => this.app.go('setup')}>${t('install.test.setup')}</button>
      </div>
      ${this.footer(
        serving
          ? t('install.test.begin')
          : this.signals.length
            ? t('install.test.serve')
            : t('install.test.serve_unheard'),
      )}
    </form>`;
  }

  /** Whether it rings: what its row says, and whether its test is over. */
  private state(device: InstalledDevice): string {
    if (device.status === 'in_service') return t('install.test.in_service');
    if (device.status !== 'test') return t('install.test.out_of_service');
    const left_s = Math.max(0, Math.round((Date.parse(device.test_until ?? '') - this.now) / 1000)) || 0;
    const age = `${Math.floor(left_s / 60)}:${String(left_s % 60).padStart(2, '0')}`;
    return left_s > 0 ? t('install.test.left', { age }) : t('install.test.over');
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
