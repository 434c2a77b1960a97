/** A new site: what it is, whom to call there, and that this person agreed. */
import { html, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { addContact, addSite, contactThere, type NewContact, type NewSite, siteThere } from './api.ts';
import { tierName } from './memory.ts';
import { StepElement } from './step.ts';
import { phone } from './styles.ts';

const KINDS = ['household', 'shop', 'key_site', 'compound', 'market', 'public_place'] as const;
const RELATIONS = ['owner', 'neighbour', 'manager'] as const;
const PHONE = /^[0-9+() -]{3,30}$/u;

@customElement('lf-site-step')
export class SiteStep extends StepElement {
  @state() private kind: (typeof KINDS)[number] = 'household';

  static override styles = [shared, phone];

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const contact = this.field(form, 'contact_name');
    const number = this.plain(form, 'contact_phone');
    const consents = this.field(form, 'consent') === 'on';
    const name = this.field(form, 'name');
    if (!this.fine(this.check(name, contact, number, consents))) return;
    void this.send(async () => {
      const { location, given, declared, site: saved } = this.app.job.value;
      if (!location) return;
      const body: NewSite = {
        kind: this.kind,
        name,
        address: this.field(form, 'address'),
        position: given ?? location.position,
        division: declared,
        organisation_id: location.organisation_id,
      };
      const site =
        saved ??
        (await this.once(
          'site',
          () => addSite(body),
          () => siteThere(body, location),
        ));
      // Saved: a second press after a lost connection goes on from here, and adds no second site.
      this.app.job.set({ ...this.app.job.value, site });
      if (contact) {
        const whom: NewContact = {
          name: contact,
          phone: number,
          relation: this.field(form, 'relation'),
          consent_at: consents ? new Date(this.app.serverNow()).toISOString() : null,
        };
        await this.once<unknown>(
          'contact',
          () => addContact(site.id, whom),
          () => contactThere(site.id, whom),
        );
      }
      this.app.go('device', { site });
    });
  }

  private check(name: string, contact: string, number: string, consents: boolean): Record<string, string> {
    const wrong: Record<string, string> = {};
    if (!name) wrong['name'] = t('install.site.name_missing');
    if (contact && !number) wrong['contact_phone'] = t('install.site.contact_both');
    else if (number && !PHONE.test(number)) wrong['contact_phone'] = t('install.site.phone_wrong');
    if (number && !contact) wrong['contact_name'] = t('install.site.contact_both');
    if (contact && this.kind === 'household' && !consents)
      wrong['consent'] = t('install.site.consent_missing');
    return wrong;
  }

  override render(): TemplateResult {
    const address = (this.app.job.value.location?.tiers ?? [])
      .slice(1)
      .map(tierName)
      .join(/\p{Script=Han}/u.test(t('app.name')) ? '' : ', ');
    return html`<form @submit=${this.submit} novalidate>
      <div class="body">
        <fieldset>
          <legend>${t('install.site.kind')}</legend>
          <div class="choices two">
            ${KINDS.map(
              (kind) =>
                html`<label class="choice">
                  <input
                    type="radio"
                    name="kind"
                    value=${kind}
                    .checked=${kind === this.kind}
                    @change=${() => {
                      this.kind = kind;
                    }}
                  />
                  <span class="text">${t(`kind.${kind}`)}</span>
                </label>`,
            )}
          </div>
        </fieldset>
        <div>${this.input('name', t('install.site.name'), 200)}${this.beside('name')}</div>
        <label>${t('install.site.address')}<input name="address" maxlength="200" .value=${address} /></label>
        <fieldset>
          <legend>${t('install.site.contact')}</legend>
          <div>
            ${this.input('contact_name', t('install.site.contact_name'), 200)}${this.beside('contact_name')}
          </div>
          <div>
            ${this.input('contact_phone', t('install.site.contact_phone'), 30, 'tel')}${this.beside('contact_phone')}
          </div>
          <label>
            ${t('install.site.contact_relation')}
            <select name="relation">
              ${RELATIONS.map((relation) => html`<option value=${relation}>${t(`relation.${relation}`)}</option>`)}
            </select>
          </label>
          <label class="choice">
            <input
              type="checkbox"
              name="consent"
              aria-invalid=${'consent' in this.wrong ? 'true' : 'false'}
              aria-describedby=${'consent' in this.wrong ? 'wrong-consent' : 'consent-words'}
            />
            <span class="text" id="consent-words">${t('install.site.consent')}</span>
          </label>
          ${this.beside('consent')}
        </fieldset>
      </div>
      ${this.footer(t('install.site.save'))}
    </form>`;
  }

  private input(name: string, label: string, most: number, type = 'text'): TemplateResult {
    const bad = name in this.wrong;
    return html`<label>
      ${label}
      <input
        name=${name}
        type=${type}
        maxlength=${most}
        autocomplete="off"
        aria-invalid=${bad ? 'true' : 'false'}
        aria-describedby=${bad ? `wrong-${name}` : ''}
      />
    </label>`;
  }
}
