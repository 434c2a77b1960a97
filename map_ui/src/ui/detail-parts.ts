/** The sections of an incident's detail. */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { revealCaller, revealPhone } from '../api/endpoints.ts';
import type { App } from '../app.ts';
import { locale, named, t, zoneName } from '../i18n/i18n.ts';
import type { Alarm, Device, Entry, Incident, IncidentDetail, Picture } from '../model/documents.ts';
import { divisionName } from '../model/places.ts';
import { type Reason, reasonsOf } from '../model/reasons.ts';
import './contact-row.ts';
import './evidence-picture.ts';

export function detailBody(app: App, incident: Incident, detail: IncidentDetail | null): TemplateResult {
  return html`${where(app, incident)}
  ${
    detail === null
      ? html`<p class="muted waiting" role="status">${t('detail.loading')}</p>`
      : html`${pictures(app, incident, detail.pictures)} ${caller(app, detail)}
        ${contacts(app, incident, detail)} ${alarms(app, detail.alarms)} ${devices(detail.devices)}
        ${why(incident, detail)} ${history(app, detail)} ${timeline(app, detail.entries)}`
  }`;
}

function where(app: App, incident: Incident): TemplateResult {
  const { site } = incident;
  const tiers = app.places.value.tiersOf(incident);
  return html`<section>
    <h3>${t('detail.where')}</h3>
    ${
      site
        ? html`<p class="place">
              <b>${site.name}</b> ${site.unit ? html`<b class="unit">${site.unit}</b>` : nothing}
              <span class="muted">${named('kind', site.kind)}</span>
              ${site.synthetic ? html`<span class="tag">${t('detail.synthetic_site')}</span>` : nothing}
            </p>
            ${site.address ? html`<p>${site.address}</p>` : nothing}`
        : nothing
    }
    ${incident.position === null ? html`<p class="tag">${t('detail.no_place')}</p>` : nothing}
    <dl class="tiers">
      ${tiers.map(
        ({ tier, code, division }) =>
          html`<dt>${t(`tier.${tier}`)}</dt>
            <dd>
              <button
                class="link"
                @click=${() => {
                  app.focus.set(code);
                  app.zoomTo.set({ division: code });
                }}
              >
                ${division ? divisionName(division, locale.value) : code}
              </button>
            </dd>`,
      )}
      <dt>${t('detail.grid_cell')}</dt>
      <dd>${incident.grid_cell ?? t('detail.no_grid_cell')}</dd>
      <dt>${t('detail.opened')}</dt>
      <dd>${app.clock.exact(incident.opened_at, app.now.value)}</dd>
      <dt>${t('detail.handler')}</dt>
      <dd>${incident.handler?.name ?? t('detail.nobody')}</dd>
    </dl>
  </section>`;
}

/** The newest picture of each camera is looked at once; each earlier one only when it is asked for. */
function pictures(app: App, incident: Incident, list: readonly Picture[]): TemplateResult | typeof nothing {
  if (list.length === 0) return nothing;
  const newest = list.filter((one, n) => list.findIndex((other) => other.device_id === one.device_id) === n);
  const earlier = list.filter((one) => !newest.includes(one));
  const reason = incident.state === 'closed' ? null : `incident ${incident.id}`;
  const row = (picture: Picture, why: string | null) =>
    html`<li><lf-picture .app=${app} .picture=${picture} .reason=${why}></lf-picture></li>`;
  return html`<section>
    <h3>${t('detail.pictures')}</h3>
    <ul class="pictures">
      ${repeat(
        newest,
        (picture) => picture.device_id,
        (picture) => row(picture, reason),
      )}
    </ul>
    ${
      earlier.length > 0
        ? html`<details>
            <summary>${t('detail.pictures_earlier', { n: earlier.length })}</summary>
            <ul class="pictures">
              ${repeat(
                earlier,
                (picture) => picture.sha256,
                (picture) => row(picture, null),
              )}
            </ul>
          </details>`
        : nothing
    }
  </section>`;
}

function caller(app: App, { id, caller }: IncidentDetail): TemplateResult | typeof nothing {
  if (caller === null) return nothing;
  const row = {
    id,
    name: caller.name_masked ?? '',
    relation: '',
    call_order: 0,
    phone_masked: caller.phone_masked ?? '',
  };
  return html`<section>
    <h3>${t('detail.caller')}</h3>
    <lf-contact
      class="caller"
      .app=${app}
      .contact=${row}
      .permission=${'caller.reveal'}
      .reveal=${(reason: string) => revealCaller(id, reason)}
    ></lf-contact>
  </section>`;
}

function contacts(app: App, incident: Incident, detail: IncidentDetail): TemplateResult {
  const siteId = incident.site?.id;
  return html`<section>
    <h3>${t('detail.contacts')}</h3>
    ${
      detail.contacts.length === 0 || siteId === undefined
        ? html`<p class="muted">${t('detail.no_contacts')}</p>`
        : html`<ul>
            ${detail.contacts.map(
              (contact) =>
                html`<li>
                  <lf-contact
                    .app=${app}
                    .contact=${contact}
                    .permission=${'contact.reveal'}
                    .reveal=${(reason: string) => revealPhone(siteId, contact.id, reason)}
                  ></lf-contact>
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}

function alarms(app: App, list: readonly Alarm[]): TemplateResult | typeof nothing {
  if (list.length === 0) return nothing;
  return html`<section>
    <h3>${t('detail.alarms')}</h3>
    <ul class="lines">
      ${list.map(
        (alarm) =>
          html`<li>
            <span>
              <b>${named('category', alarm.category)}</b> · ${alarm.device.name || alarm.device.device_id}
              ${alarm.zone ? html`· ${t('detail.zone', { zone: zoneName(alarm.zone) })}` : nothing}
            </span>
            <span class="muted">
              ${app.clock.exact(alarm.opened_at, app.now.value)} ·
              ${t('detail.occurrences', { n: alarm.occurrence_count })} ·
              ${
                alarm.active
                  ? html`<b>${t('detail.active')}</b>`
                  : t('detail.restored_at', { time: app.clock.exact(alarm.restored_at ?? '', app.now.value) })
              }
            </span>
          </li>`,
      )}
    </ul>
  </section>`;
}

function devices(list: readonly Device[]): TemplateResult {
  return html`<section>
    <h3>${t('detail.device')}</h3>
    ${list.length === 0 ? html`<p class="muted">${t('detail.no_devices')}</p>` : nothing}
    <ul class="lines">
      ${list.map((device) => {
        const kind = named('device', device.kind);
        const said = [
          device.online === null || device.online === undefined
            ? ''
            : t(device.online ? 'detail.online' : 'detail.offline'),
          device.battery_percent === null || device.battery_percent === undefined
            ? ''
            : t('detail.battery', { n: Math.round(device.battery_percent) }),
          device.status === 'in_service' ? '' : named('device_status', device.status),
        ].filter(Boolean);
        return html`<li>
          <span
            >${device.name || device.device_id}
            ${kind === device.name ? nothing : html`<span class="muted">${kind}</span>`}</span
          >
          <span class="muted">${said.join(' · ')}</span>
        </li>`;
      })}
    </ul>
  </section>`;
}

function why(incident: Incident, detail: IncidentDetail): TemplateResult {
  return html`<section>
    <h3>${t('detail.why')}</h3>
    <p>
      ${incident.priority} ${t(`priority.${incident.priority}`)} ·
      ${t('detail.level', { level: incident.verification_level })}:
      ${named('level', String(incident.verification_level))}
    </p>
    <ul class="reasons">
      ${reasonsOf(incident, detail).map((reason) => html`<li>${reasonText(reason)}</li>`)}
    </ul>
  </section>`;
}

function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case 'alarm':
      return t('detail.why_alarm', {
        category: named('category', reason.category),
        priority: reason.priority,
        device: reason.device,
      });
    case 'report':
      return t('detail.why_report', { category: named('category', reason.category) });
    case 'two':
      return t('detail.why_two', { level: reason.level });
    case 'verified': {
      const said = t('detail.why_verified', { name: reason.name ?? t('detail.system'), level: reason.level });
      return reason.text ? `${said} — ${reason.text}` : said;
    }
    case 'raised':
      return t('detail.why_raised', { level: reason.level, priority: reason.priority });
  }
}

function history(app: App, detail: IncidentDetail): TemplateResult {
  const { history: past } = detail;
  const last = past.last.filter((incident) => incident.id !== detail.id);
  return html`<section>
    <h3>${t('detail.history')}</h3>
    <p>
      ${
        past.incidents_90d > 0
          ? t('detail.history_counts', { n: past.incidents_90d, false: past.false_90d })
          : t('detail.history_none')
      }
    </p>
    <ul class="lines">
      ${last.map(
        (incident) =>
          html`<li>
            <button class="link" @click=${() => app.open(incident.id)}>
              ${named('category', incident.category)} ${app.clock.exact(incident.opened_at, app.now.value)}
            </button>
            <span class="muted">${incident.disposition ? t(`disposition.${incident.disposition}`) : ''}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}

function timeline(app: App, entries: readonly Entry[]): TemplateResult {
  return html`<section>
    <h3>${t('detail.timeline')}</h3>
    <ol class="timeline">
      ${[...entries].reverse().map(
        (entry) =>
          html`<li>
            <time class="muted">${app.clock.exact(entry.at, app.now.value)}</time>
            <span>
              <b>${named('entry', entry.kind)}</b> · ${entry.user?.name ?? t('detail.system')}
              ${entryDetail(entry)} ${entry.text ? html`<br />${entry.text}` : nothing}
            </span>
          </li>`,
      )}
    </ol>
  </section>`;
}

function entryDetail(entry: Entry): string {
  const disposition = entry.details['disposition'];
  if (typeof disposition === 'string') return `· ${named('disposition', disposition)}`;
  const after = entry.details['after'];
  if (entry.kind === 'verified' && after !== undefined)
    return `· ${t('detail.level', { level: String(after) })}`;
  const category = entry.details['category'];
  if (typeof category === 'string') return `· ${named('category', category)}`;
  return '';
}
