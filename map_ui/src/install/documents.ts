/** What the installer's page asks the server for, beside what the map asks: `docs/http.md`. */
import type { Category, Device, LonLat, PersonRef, Tier } from '../model/documents.ts';

export interface Neighbour {
  id: number;
  kind: string;
  name: string;
  address: string;
  unit: string;
  distance_m: number;
  devices: number;
}

export interface Location {
  position: LonLat;
  source_crs: string;
  tiers: { tier: Tier; code: string; name: string; name_latin: string | null }[];
  grid_cell: { code: string; name: string } | null;
  county: string | null;
  township: string | null;
  village: string | null;
  may_place: boolean;
  organisation_id: number | null;
  within_m: number;
  neighbours: Neighbour[];
}

export interface Site {
  id: number;
  kind: string;
  name: string;
}

export interface SiteContact {
  id: number;
  name: string;
  phone_masked: string;
  consent_at: string | null;
  consent_by: PersonRef | null;
}

export interface InstalledDevice extends Device {
  protocol: string;
  gateway_id: number | null;
  external_id: string | null;
}

export interface UnknownDevice {
  publisher: string;
  child: string;
  protocol: string;
  last_seen: string;
  gateway_known: boolean;
}

export interface Setup {
  device_id: string;
  protocol: string;
  through: { id: number; device_id: string; name: string } | null;
  external_id: string | null;
  values: { name: string; value: string }[];
  paste: string;
  qr: string;
  ca: { url: string; sha256: string } | null;
  login_issued: boolean;
  broker_reachable: boolean;
  /** Only where it was just made. */
  password?: string;
}

export interface Signal {
  id: number;
  received_at: string;
  event: string;
  category: Category;
  qualifier: 'new' | 'restore' | 'status';
  zone: string;
  text: string;
  /** What was done with it: `docs/lifecycle.md`. */
  judgement: string;
}
