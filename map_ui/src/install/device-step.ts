/** The device: a new one, or one that talks already and nobody knows. Saved, it is in test from the first moment. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { Problem } from '../api/client.ts';
import { named, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import {
  adoptDevice,
  deviceThere,
  devicesOf,
  gateways,
  issueSetup,
  readSetup,
  registerDevice,
  unknownDevices,
} from './api.ts';
import type { InstalledDevice, UnknownDevice } from './documents.ts';
import { suggestedId } from './memory.ts';
import { signedOut, StepElement } from './step.ts';
import { phone } from './styles.ts';

const KINDS = [
  'infrared_sensor',
  'panic_button',
  'door_contact',
  'smoke_detector',
  'gas_detector',
  'water_detector',
  'vibration_sensor',
  'alarm_panel',
  'camera',
  'gateway',
  'siren',
  'loudspeaker',
  'tracker',
  'other',
] as const;
/** As the makers write them. What others speak through is a gateway: registered as a sensor it would be silent for ever. */
const PROTOCOLS = [
  { name: 'lianfang', words: 'Lianfang', gateway: false },
  { name: 'tasmota', words: 'Tasmota', gateway: false },
  { name: 'shelly2', words: 'Shelly Gen 2+', gateway: false },
  { name: 'zigbee2mqtt', words: 'Zigbee2MQTT', gateway: true },
  { name: 'ttn', words: 'The Things Stack', gateway: true },
  { name: 'chirpstack', words: 'ChirpStack', gateway: true },
  { name: 'frigate', words: 'Frigate', gateway: true },
  { name: 'shelly1', words: 'Shelly Gen 1', gateway: true },
] as const;
const MINUTES = [10, 30, 60, 240] as const;
const keyOf = ({ publisher, child }: UnknownDevice): string => JSON.stringify([publisher, child]);
const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/u;

@customElement('lf-device-step')
export class DeviceStep extends StepElement {
  @state() private unknown: UnknownDevice[] = [];
  @state() private gateways: InstalledDevice[] = [];
  /** What the site has already: to be tested again, or given a new password. */
  @state() private there: InstalledDevice[] = [];
  /** The key of one of `unknown`; empty: a new device. */
  @state() private adopted = '';
  @state() private kind: (typeof KINDS)[number] = 'infrared_sensor';
  @state() private gateway: InstalledDevice | null = null;
  /** The lists above could not be read: no gateway to choose then is not the same as none there. */
  @state() private unread = false;
  /** The id that somebody typed, which no choice of another kind takes away. */
  @state() private typedId: string | null = null;
  readonly #random = crypto.getRandomValues(new Uint8Array(4));

  static override styles = [
    shared,
    phone,
    css`
      .rows {
        display: grid;
        gap: 8px;
      }
      .rows button {
        width: 100%;
        text-align: start;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    const { location, site } = this.app.job.value;
    this.unread = false;
    try {
      [this.unknown, this.gateways, this.there] = await Promise.all([
        unknownDevices(),
        gateways(location?.township ?? location?.county ?? null),
        site ? devicesOf(site.id) : [],
      ]);
    } catch (problem) {
      if (signedOut(problem)) this.app.signInAgain();
      else this.unread = true;
    }
  }

  private get spoke(): UnknownDevice | undefined {
    return this.unknown.find((one) => keyOf(one) === this.adopted);
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const { site } = this.app.job.value;
    const { spoke } = this;
    const external = this.field(form, 'external_id');
    const wrong: Record<string, string> = {};
    if (!spoke && this.gateway && !external) wrong['external_id'] = t('install.device.external_missing');
    if (!DEVICE_ID.test(this.plain(form, 'device_id'))) wrong['device_id'] = t('install.device.id_wrong');
    if (!this.fine(wrong) || !site) return;
    void this.send(async () => {
      const common = {
        device_id: this.plain(form, 'device_id'),
        kind: this.kind,
        name: this.field(form, 'name'),
        zone: this.field(form, 'zone'),
        site_id: site.id,
        test_until: new Date(
          this.app.serverNow() + Number(this.field(form, 'minutes')) * 60_000,
        ).toISOString(),
      };
      const save = () =>
        spoke
          ? adoptDevice({ ...common, publisher: spoke.publisher, child: spoke.child })
          : registerDevice({
              ...common,
              protocol: this.gateway?.protocol ?? this.field(form, 'protocol'),
              gateway_id: this.gateway?.id ?? null,
              external_id: this.gateway ? external : null,
            });
      try {
        const device =
          this.app.job.value.device ?? (await this.once('device', save, () => deviceThere(common)));
        this.app.job.set({ ...this.app.job.value, device });
        const setup = await (device.gateway_id === null
          ? this.once('login', () => issueSetup(device.id))
          : readSetup(device.id));
        this.app.go('setup', { device, setup });
      } catch (problem) {
        if (!this.taken(problem)) throw problem;
      }
    });
  }

  /** Whether that was it: another has this id, or this name at the gateway. It is told beside the field. */
  private taken(problem: unknown): boolean {
    if (!(problem instanceof Problem && problem.status === 409)) return false;
    const wrong: Record<string, string> = {};
    for (const { where } of problem.errors) {
      if (where === 'body.device_id') wrong['device_id'] = t('install.device.id_taken');
      if (where === 'body.external_id') wrong['external_id'] = t('install.device.external_taken');
    }
    return !this.fine(wrong);
  }

  override render(): TemplateResult {
    const { site, location } = this.app.job.value;
    const { spoke } = this;
    const id = this.typedId ?? (spoke?.child ? '' : spoke?.publisher);
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        ${site ? html`<p class="note">${t('install.done.site', { site: site.name })}</p>` : nothing}
        ${
          this.unread
            ? html`<p class="note bad" role="alert">${t('install.device.unread')}</p>
                <button type="button" @click=${this.read}>${t('session.retry')}</button>`
            : nothing
        }
        ${this.there.length > 0 ? this.already() : nothing}
        ${this.unknown.length > 0 ? this.which() : nothing}
        ${this.seesUnknown ? nothing : html`<p class="muted">${t('install.device.unknown_elsewhere')}</p>`}
        <label>
          ${t('install.device.kind')}
          <select
            name="kind"
            @change=${(event: Event) => {
              this.kind = (event.target as HTMLSelectElement).value as (typeof KINDS)[number];
              if (this.kind === 'gateway') this.gateway = null;
            }}
          >
            ${KINDS.map((kind) => html`<option value=${kind}>${t(`device.${kind}`)}</option>`)}
          </select>
        </label>
        <label>
          ${t('install.device.zone')}
          <input name="zone" maxlength="64" list="zones" autocomplete="off" />
          <datalist id="zones">
            ${([1, 2, 3, 4, 5] as const).map((n) => html`<option value=${t(`install.zone.${n}`)}></option>`)}
          </datalist>
        </label>
        ${spoke ? nothing : this.connection()}
        <label>
          ${t('install.device.name')}
          <input name="name" maxlength="200" autocomplete="off" />
        </label>
        <div>
          <label>
            ${t('install.device.id')}
            <input
              name="device_id"
              maxlength="64"
              autocomplete="off"
              autocapitalize="none"
              spellcheck="false"
              .value=${id || suggestedId(this.kind, location?.village ?? null, this.#random)}
              @input=${(event: Event) => {
                this.typedId = (event.target as HTMLInputElement).value;
              }}
              aria-invalid=${'device_id' in this.wrong ? 'true' : 'false'}
              aria-describedby=${'device_id' in this.wrong ? 'wrong-device_id' : ''}
            />
          </label>
          ${this.beside('device_id')}
        </div>
        <label>
          ${t('install.device.test_for')}
          <select name="minutes">
            ${MINUTES.map(
              (n) =>
                html`<option value=${n} ?selected=${n === 30}>${t('install.device.minutes', { n })}</option>`,
            )}
          </select>
        </label>
        <p class="muted">${t('install.device.test_note')}</p>
      </div>
      ${this.footer(t('install.device.save'))}
    </form>`;
  }

  /** What talks and is unknown has no place yet: the server shows it to installers of the whole city. */
  private get seesUnknown(): boolean {
    const session = this.app.session.value;
    return !!session?.grants.some(
      (one) =>
        (one.division_code === null || one.division_code === session.installation.city_code) &&
        one.organisation_id === null,
    );
  }

  private already(): TemplateResult {
    return html`<section>
      <h2>${t('install.device.already')}</h2>
      <ul class="rows">
        ${this.there.map(
          (device) =>
            html`<li>
              <button type="button" @click=${() => this.app.go('test', { device })}>
                ${device.name || device.device_id} · ${named('device', device.kind)}<br />
                <span class="muted">${t('install.device.again')}</span>
              </button>
            </li>`,
        )}
      </ul>
    </section>`;
  }

  private which(): TemplateResult {
    return html`<label>
      ${t('install.device.which')}
      <select
        name="which"
        @change=${(event: Event) => {
          this.adopted = (event.target as HTMLSelectElement).value;
        }}
      >
        <option value="">${t('install.device.fresh')}</option>
        ${this.unknown.map(
          (one) =>
            html`<option value=${keyOf(one)} ?disabled=${one.child !== '' && !one.gateway_known}>
              ${t('install.device.unknown', {
                name: one.child ? `${one.publisher} / ${one.child}` : one.publisher,
                protocol: one.protocol,
              })}
            </option>`,
        )}
      </select>
    </label>`;
  }

  private connection(): TemplateResult {
    if (this.kind === 'gateway') return this.protocol();
    return html`<label>
        ${t('install.device.gateway')}
        <select
          name="gateway"
          @change=${(event: Event) => {
            const value = (event.target as HTMLSelectElement).value;
            this.gateway = this.gateways.find((one) => String(one.id) === value) ?? null;
          }}
        >
          <option value="">${t('install.device.no_gateway')}</option>
          ${this.gateways.map((one) => html`<option value=${one.id}>${one.name || one.device_id}</option>`)}
        </select>
      </label>
      ${
        this.gateway
          ? html`<div>
              <label>
                ${t('install.device.external_id')}
                <input
                  name="external_id"
                  maxlength="200"
                  autocomplete="off"
                  aria-invalid=${'external_id' in this.wrong ? 'true' : 'false'}
                />
              </label>
              ${this.beside('external_id')}
            </div>`
          : this.protocol()
      }`;
  }

  private protocol(): TemplateResult {
    return html`<label>
      ${t('install.device.protocol')}
      <select name="protocol">
        ${PROTOCOLS.filter((one) => one.gateway === (this.kind === 'gateway')).map(({ name, words }) => html`<option value=${name}>${words}</option>`)}
      </select>
    </label>`;
  }
}
