/** Each thing that the installer's page asks of the server, by name. */
import { request } from '../api/client.ts';
import type { LonLat } from '../model/documents.ts';
import type {
  InstalledDevice,
  Location,
  Setup,
  Signal,
  Site,
  SiteContact,
  UnknownDevice,
} from './documents.ts';

const V1 = '/api/v1';

interface Features<T> {
  features: { properties: T }[];
}
const properties = <T>(page: Features<T>): T[] => page.features.map((feature) => feature.properties);

const query = (values: Record<string, string | number>): string =>
  new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)])).toString();

export const locate = ([lon, lat]: LonLat, crs: string): Promise<Location> =>
  request('GET', `${V1}/locate?${query({ lon, lat, crs })}`);

export interface NewSite {
  kind: string;
  name: string;
  address: string;
  position: LonLat;
  organisation_id: number | null;
}
export const addSite = (body: NewSite): Promise<Site> => request('POST', `${V1}/sites`, body);

export interface NewContact {
  name: string;
  phone: string;
  relation: string;
  consent_at: string | null;
}
export const addContact = (siteId: number, body: NewContact): Promise<SiteContact> =>
  request('POST', `${V1}/sites/${siteId}/contacts`, body);

export interface NewDevice {
  device_id: string;
  kind: string;
  name: string;
  zone: string;
  site_id: number;
  test_until: string;
}
export const registerDevice = (
  body: NewDevice & { protocol: string; gateway_id: number | null; external_id: string | null },
): Promise<InstalledDevice> => request('POST', `${V1}/devices`, body);

export const adoptDevice = (
  body: NewDevice & { publisher: string; child: string },
): Promise<InstalledDevice> => request('POST', `${V1}/unknown-devices/adopt`, body);

export const unknownDevices = async (): Promise<UnknownDevice[]> =>
  (await request<{ items: UnknownDevice[] }>('GET', `${V1}/unknown-devices?limit=50`)).items;

/** Gateways in service in a division, which a device here may speak through. */
export const gateways = async (division: string | null): Promise<InstalledDevice[]> =>
  properties(
    await request<Features<InstalledDevice>>(
      'GET',
      `${V1}/devices?kind=gateway&state=in_service&state=test&limit=100${division ? `&division=${division}` : ''}`,
    ),
  );

export const devicesInTest = async (): Promise<InstalledDevice[]> =>
  properties(await request<Features<InstalledDevice>>('GET', `${V1}/devices?state=test&limit=20`));

export const readSetup = (device: number): Promise<Setup> => request('GET', `${V1}/devices/${device}/setup`);

/** Makes a new password; the earlier one is void. */
export const issueSetup = (device: number): Promise<Setup> =>
  request('POST', `${V1}/devices/${device}/setup`, {});

export const setStatus = (
  device: number,
  status: 'test' | 'in_service',
  testUntil: Date | null,
): Promise<InstalledDevice> =>
  request('POST', `${V1}/devices/${device}/status`, {
    status,
    ...(testUntil ? { test_until: testUntil.toISOString() } : {}),
    reason: status === 'test' ? 'installer: test goes on' : 'installer: test passed',
  });

/** What the device said since then, newest first: committed, as every desk may see it. */
export const signalsSince = async (device: number, since: string): Promise<Signal[]> =>
  properties(
    await request<Features<Signal>>(
      'GET',
      `${V1}/signals?${query({ device_id: device, from: since, limit: 20 })}`,
    ),
  );
