/** A row of the queue: what, where, how long, whose. */
import { html, nothing, type TemplateResult } from 'lit';
import type { App } from '../app.ts';
import { t } from '../i18n/i18n.ts';
import { ageOf } from '../model/age.ts';
import type { Incident } from '../model/documents.ts';
import { isUnacknowledged, openedAt } from '../model/queue.ts';
import { toggleChecked } from './keys.ts';
import { namedSign } from './sign.ts';
import { placeOf, stateOf, whatOf } from './words.ts';

export function queueRow(app: App, incident: Incident, index: number, of: number): TemplateResult {
  const fresh = isUnacknowledged(incident);
  const chosen = app.selected.value === incident.id;
  const age = ageOf(incident, app.now.value);
  const classes = ['row', fresh ? 'fresh' : 'taken', `p${incident.priority}`, chosen ? 'chosen' : ''];
  const what = whatOf(incident);
  const place = placeOf(app, incident);
  return html`<li
    class=${classes.join(' ')}
    data-index=${index}
    data-id=${incident.id}
    aria-setsize=${of}
    aria-posinset=${index + 1}
  >
    <label class="check">
      <input
        type="checkbox"
        aria-label=${t('queue.select', { id: incident.id })}
        title="${t('keys.select')} (X)"
        .checked=${app.checked.value.has(incident.id)}
        @change=${() => toggleChecked(app, incident.id)}
      />
    </label>
    <button
      class="open"
      aria-current=${chosen ? 'true' : 'false'}
      title="${what} · ${place}"
      @click=${() => app.open(incident.id)}
    >
      ${namedSign(incident.priority, !fresh)}
      <span class="text">
        <span class="line">
          <b>${what}</b>
          ${app.live.meanwhile.value.has(incident.id) ? html`<em class="mark">${t('queue.meanwhile')}</em>` : nothing}
          ${app.answers.problems.value.has(incident.id) ? html`<em class="mark unsent">${t('action.unsent')}</em>` : nothing}
        </span>
        <span class="line place">${place}</span>
      </span>
      <span class="side">
        <span class="age">
          ${age.late ? html`<em class="late">${t('queue.late')}</em>` : nothing}
          ${app.clock.age(openedAt(incident), app.now.value)}
        </span>
        <span class="state">${stateOf(incident)}</span>
      </span>
    </button>
    ${age.fraction === null ? nothing : html`<span class="bar" aria-hidden="true"><i data-fraction=${age.fraction.toFixed(3)}></i></span>`}
  </li>`;
}
