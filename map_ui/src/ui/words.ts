/** An incident in words, the same in the queue, the map, the detail and the announcement. */
import type { App } from '../app.ts';
import { locale, named, t } from '../i18n/i18n.ts';
import type { Incident, Placed } from '../model/documents.ts';
import { divisionName } from '../model/places.ts';
import { queueOrder } from '../model/queue.ts';

/** What it is: the caller's words of a report, else the category. */
export function whatOf(incident: Incident): string {
  return incident.title || named('category', incident.category);
}

/** The nearest name of its place. */
export function placeOf(app: App, incident: Incident): string {
  const site = incident.site ? [incident.site.name, incident.site.unit].filter(Boolean).join(' ') : '';
  return [site, leafName(app, incident)].filter(Boolean).join(' · ') || t('detail.no_place');
}

export function leafName(app: App, placed: Placed): string {
  const places = app.places.value;
  const code = places.leaf(placed);
  const division = places.get(code);
  return division ? divisionName(division, locale.value) : (code ?? '');
}

/** Its state, with who has it. */
export function stateOf(incident: Incident): string {
  if (incident.state === 'new') {
    // A reopened case keeps its alarms closed: nothing was restored there.
    const restored =
      incident.active_alarm_count === 0 && incident.alarm_count > 0 && incident.reopened_count === 0;
    return restored ? t('queue.restored') : t('queue.new');
  }
  if (incident.state === 'acknowledged' && incident.handler) {
    return t('queue.taken_by', { name: incident.handler.name });
  }
  return incident.handler
    ? `${t(`state.${incident.state}`)} · ${incident.handler.name}`
    : t(`state.${incident.state}`);
}

/** As many as can be heard out. */
const SPOKEN = 3;

/** What came just now, to be heard: the gravest first, each by its number, and how many more. */
export function newsOf(app: App, incidents: readonly Incident[]): string {
  const spoken = queueOrder(incidents).slice(0, SPOKEN);
  const more = incidents.length - spoken.length;
  return [
    ...spoken.map((incident) =>
      t('announce.new', {
        priority: incident.priority,
        category: named('category', incident.category),
        place: placeOf(app, incident),
        id: String(incident.id),
      }),
    ),
    ...(more > 0 ? [t('announce.more', { n: more })] : []),
  ].join(locale.value === 'zh' ? '。' : '. ');
}

/** Everything that the search looks at. */
export function searchText(app: App, incident: Incident): string {
  const { site } = incident;
  return [
    String(incident.id),
    incident.title,
    named('category', incident.category),
    incident.category,
    site?.name,
    site?.unit,
    site?.address,
    incident.handler?.name,
    ...app.places.value.tiersOf(incident).flatMap(({ division }) => [division?.name, division?.name_latin]),
  ]
    .filter(Boolean)
    .join(' ');
}
