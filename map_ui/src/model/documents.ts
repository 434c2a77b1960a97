/** The documents as the server sends them: `docs/http.md`, and the views of `0006_documents.sql`. */

export type Priority = 1 | 2 | 3 | 4 | 5;
export const PRIORITIES: readonly Priority[] = [1, 2, 3, 4, 5];

export type IncidentState = 'new' | 'acknowledged' | 'dispatched' | 'on_scene' | 'resolved' | 'closed';

export const DISPOSITIONS = [
  'actual',
  'false_user',
  'false_equipment',
  'false_environment',
  'false_unknown',
  'test',
  'duplicate',
  'cancelled',
] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export const CATEGORIES = [
  'panic',
  'duress',
  'holdup',
  'medical',
  'fire',
  'gas',
  'burglary',
  'tamper',
  'power',
  'trouble',
  'supervision',
  'environment',
  'arming',
  'access',
  'activity',
  'test',
  'information',
] as const;
export type Category = (typeof CATEGORIES)[number];

export type LonLat = readonly [number, number];

export interface SiteRef {
  id: number;
  name: string;
  kind: string;
  address: string;
  unit: string;
  synthetic: boolean;
}

/** Where it is, as it was copied onto the row when it happened. Any tier may be missing. */
export interface Placed {
  position: LonLat | null;
  grid_cell: string | null;
  county: string | null;
  township: string | null;
  village: string | null;
}

export interface PersonRef {
  id: number;
  name: string;
}

export interface Incident extends Placed {
  id: number;
  version: number;
  source: 'device' | 'operator';
  state: IncidentState;
  category: Category;
  priority: Priority;
  verification_level: number;
  title: string;
  site: SiteRef | null;
  organisation_id: number | null;
  opened_at: string;
  last_alarm_at: string;
  alarm_count: number;
  active_alarm_count: number;
  handler: PersonRef | null;
  acknowledged_at: string | null;
  dispatched_at: string | null;
  on_scene_at: string | null;
  resolved_at: string | null;
  closed_at: string | null;
  disposition: Disposition | null;
  reopened_count: number;
}

export interface DeviceRef {
  id: number;
  device_id: string;
  name: string;
  kind: string;
}

export interface Alarm extends Placed {
  id: number;
  version: number;
  incident_id: number;
  category: Category;
  event: string;
  priority: Priority;
  active: boolean;
  zone: string;
  device: DeviceRef;
  site_id: number | null;
  organisation_id: number | null;
  opened_at: string;
  last_at: string;
  restored_at: string | null;
  occurrence_count: number;
  acknowledged_at: string | null;
  shelved_until: string | null;
  closed_at: string | null;
}

export interface Device extends Placed {
  id: number;
  version: number;
  device_id: string;
  kind: string;
  name: string;
  zone: string;
  site_id: number | null;
  status: string;
  test_until: string | null;
  online: boolean | null;
  last_seen_at: string | null;
  battery_percent: number | null;
}

export interface Entry {
  id: number;
  at: string;
  user: PersonRef | null;
  kind: string;
  text: string;
  details: Record<string, unknown>;
}

export interface Contact {
  id: number;
  name: string;
  relation: string;
  call_order: number;
  phone_masked: string;
}

/** Who called about an incident. */
export interface Caller {
  name_masked: string | null;
  phone_masked: string | null;
}

/** A camera that raised an alarm of the incident, and the part of the ground that it sees. */
export interface CameraView {
  id: number;
  device_id: string;
  name: string;
  state: 'unknown' | 'seeing' | 'lost';
  sector: { type: 'Polygon'; coordinates: [number, number][][] } | null;
}

/** A picture that a camera took of the incident; itself comes through `evidence`. */
export interface Picture {
  sha256: string;
  taken_at: string;
  width_px: number;
  height_px: number;
  device_id: number;
  camera: string;
}

export interface SiteHistory {
  incidents_90d: number;
  false_90d: number;
  last: { id: number; category: Category; opened_at: string; disposition: Disposition | null }[];
}

/** What `GET /api/v1/incidents/{id}` adds to the document. */
export interface IncidentDetail extends Incident {
  alarms: Alarm[];
  entries: Entry[];
  contacts: Contact[];
  caller: Caller | null;
  devices: Device[];
  cameras: CameraView[];
  pictures: Picture[];
  history: SiteHistory;
}

export type Tier = 1 | 2 | 3 | 4;

export interface Division {
  code: string;
  tier: Tier;
  name: string;
  name_latin: string | null;
  parent_code: string | null;
  has_boundary: boolean;
  synthetic: boolean;
  label_point: LonLat | null;
  bounds: readonly [number, number, number, number] | null;
}

export type Basemap =
  { kind: 'pmtiles'; url: string } | { kind: 'tianditu'; key: string } | { kind: 'amap'; url: string | null };

export interface Session {
  user: { id: number; username: string; display_name: string; locale: 'zh' | 'en' };
  grants: {
    role: string;
    division_code: string | null;
    division_name: string | null;
    organisation_id: number | null;
  }[];
  may: Record<string, boolean>;
  installation: {
    name: string;
    city_code: string;
    time_zone: string;
    version: string;
    synthetic: boolean;
    bounds: readonly [number, number, number, number] | null;
  };
  tiles: { version: { divisions: number; grid_cells: number; sites: number }; scope: string };
  basemap: Basemap | null;
}

export interface Snapshot {
  seq: number;
  now: string;
  incidents: Incident[];
  alarms: Alarm[];
}

export type Change =
  | { seq: number; at: string; kind: 'incident'; id: number; version: number; document: Incident }
  | { seq: number; at: string; kind: 'alarm'; id: number; version: number; document: Alarm }
  | { seq: number; at: string; kind: 'device'; id: number; version: number; document: Device }
  | { seq: number; at?: string; kind: 'incident' | 'alarm' | 'device'; id: number; gone: true };
