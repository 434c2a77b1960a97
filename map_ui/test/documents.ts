/** Documents for tests: a whole one, with what matters to the test put over it. */
import type { Alarm, Incident } from '../src/model/documents.ts';

export function incident(over: Partial<Incident> = {}): Incident {
  return {
    id: 1,
    version: 1,
    source: 'device',
    state: 'new',
    category: 'burglary',
    priority: 3,
    verification_level: 1,
    title: '',
    site: null,
    position: [111.2, 34.5],
    grid_cell: null,
    county: '411282000000',
    township: '411282103000',
    village: '411282103205',
    organisation_id: null,
    opened_at: '2026-03-01T00:00:00+00:00',
    last_alarm_at: '2026-03-01T00:00:00+00:00',
    alarm_count: 1,
    active_alarm_count: 1,
    handler: null,
    acknowledged_at: null,
    dispatched_at: null,
    on_scene_at: null,
    resolved_at: null,
    closed_at: null,
    disposition: null,
    reopened_count: 0,
    ...over,
  };
}

export function alarm(over: Partial<Alarm> = {}): Alarm {
  return {
    id: 1,
    version: 1,
    incident_id: 1,
    category: 'burglary',
    event: '130',
    priority: 3,
    active: true,
    zone: '',
    device: { id: 7, device_id: 'pir-7', name: '', kind: 'infrared_sensor' },
    site_id: null,
    position: null,
    grid_cell: null,
    county: null,
    township: null,
    village: null,
    organisation_id: null,
    opened_at: '2026-03-01T00:00:00+00:00',
    last_at: '2026-03-01T00:00:00+00:00',
    restored_at: null,
    occurrence_count: 1,
    acknowledged_at: null,
    shelved_until: null,
    closed_at: null,
    ...over,
  };
}
