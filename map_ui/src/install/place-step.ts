/** Where: by the phone's position, by a pin on the map, or by pasted coordinates. */
import { css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { Problem } from '../api/client.ts';
import { named, t } from '../i18n/i18n.ts';
import type { LonLat } from '../model/documents.ts';
import { shared } from '../theme/shared.ts';
import { devicesInTest, locate } from './api.ts';
import { parseCoordinates, SYSTEMS, type System } from './coordinates.ts';
import type { InstalledDevice } from './documents.ts';
import { lastPlace, tierName } from './memory.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';
import './pin-step.ts';

const PATIENCE_MS = 20_000;

@customElement('lf-place-step')
export class PlaceStep extends StepElement {
  @state() private inTest: InstalledDevice[] = [];

  static override styles = [
    shared,
    phone,
    css`
      details {
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 6px;
        padding: 0 12px;
      }
      summary {
        min-height: 48px;
        display: flex;
        align-items: center;
        cursor: pointer;
      }
      details p {
        padding-bottom: 8px;
      }
      details .button {
        margin-bottom: 12px;
        color: var(--text);
      }
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
    // Only a help: without the list the page works as ever.
    devicesInTest().then(
      (found) => {
        this.inTest = found;
      },
      () => {
        this.inTest = [];
      },
    );
  }

  private byPhone(event: SubmitEvent): void {
    event.preventDefault();
    void this.send(async () => {
      if (!window.isSecureContext) throw new Error(this.noPosition('insecure'));
      const found = await new Promise<GeolocationPosition>((resolve, reject) =>
        navigator.geolocation.getCurrentPosition(resolve, reject, {
          enableHighAccuracy: true,
          timeout: PATIENCE_MS,
          maximumAge: 0,
        }),
      ).catch((error: GeolocationPositionError) => {
        const why = error.code === 1 ? 'denied' : error.code === 3 ? 'timeout' : 'unavailable';
        throw new Error(this.noPosition(why));
      });
      const { longitude, latitude, accuracy } = found.coords;
      this.app.located(await locate([longitude, latitude], 'WGS84'), accuracy);
    });
  }

  private noPosition(why: 'denied' | 'unavailable' | 'timeout' | 'insecure'): string {
    return t('install.place.no_position', { why: t(`install.place.${why}`) });
  }

  override render(): TemplateResult {
    const last = lastPlace();
    return html`<form @submit=${this.byPhone} novalidate>
      <div class="body">
        <button type="button" class="big" @click=${() => this.app.go('pin')}>
          ${t('install.place.map')}
          ${last ? html`<br /><span class="muted">${t('install.place.last', { village: tierName(last.village) })}</span>` : nothing}
        </button>
        <button type="button" class="big" @click=${() => this.app.go('paste')}>
          ${t('install.place.paste')}
        </button>
        ${this.inTest.length > 0 ? this.tests() : nothing}
        <details>
          <summary>${t('install.ca.title')}</summary>
          <p>${t('install.ca.text')}</p>
          <a class="button" href="/install/ca.crt" download>${t('install.ca.get')}</a>
        </details>
      </div>
      ${this.footer(t('install.place.phone'), t('install.place.locating'))}
    </form>`;
  }

  private tests(): TemplateResult {
    return html`<section>
      <h2>${t('install.place.in_test')}</h2>
      <ul class="rows">
        ${this.inTest.map((device) => {
          const over = device.test_until !== null && Date.parse(device.test_until) <= this.app.serverNow();
          return html`<li>
            <button type="button" @click=${() => this.app.go('test', { device })}>
              ${device.name || device.device_id} · ${named('device', device.kind)}
              ${over ? html`<br /><span class="muted">${t('install.place.test_over')}</span>` : nothing}
            </button>
          </li>`;
        })}
      </ul>
    </section>`;
  }
}

const SYSTEM_WORDS: Record<System, 'wgs84' | 'gcj02' | 'bd09'> = {
  WGS84: 'wgs84',
  'GCJ-02': 'gcj02',
  'BD-09': 'bd09',
};

@customElement('lf-paste-step')
export class PasteStep extends StepElement {
  static override styles = [shared, phone];

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const place: LonLat | null = parseCoordinates(this.field(form, 'coordinates'));
    const crs = this.field(form, 'system');
    const wrong: Record<string, string> = {};
    if (!place) wrong['coordinates'] = t('install.paste.wrong');
    if (!crs) wrong['system'] = t('install.paste.system_missing');
    if (!this.fine(wrong) || !place) return;
    void this.send(async () => {
      try {
        const [lon, lat] = place;
        this.app.located(await locate(place, crs), null, { lon, lat, crs });
      } catch (problem) {
        if (!(problem instanceof Problem && problem.status === 422)) throw problem;
        this.fine({ coordinates: t('install.paste.refused') });
      }
    });
  }

  override render(): TemplateResult {
    const bad = 'coordinates' in this.wrong;
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <div>
          <label>
            ${t('install.paste.field')}
            <input
              name="coordinates"
              autocomplete="off"
              aria-invalid=${bad ? 'true' : 'false'}
              aria-describedby=${bad ? 'wrong-coordinates' : 'example'}
            />
          </label>
          <p class="muted" id="example">${t('install.paste.example')}</p>
          ${this.beside('coordinates')}
        </div>
        <fieldset aria-describedby=${'system' in this.wrong ? 'wrong-system' : 'system-why'}>
          <legend>${t('install.paste.system')}</legend>
          <p class="muted" id="system-why">${t('install.paste.system_why')}</p>
          ${SYSTEMS.map(
            (system) =>
              html`<label class="choice">
                <input type="radio" name="system" value=${system} />
                <span class="text">${t(`install.paste.${SYSTEM_WORDS[system]}`)}</span>
              </label>`,
          )}
          ${this.beside('system')}
        </fieldset>
      </div>
      ${this.footer(t('install.paste.find'), t('install.loading'))}
    </form>`;
  }
}
