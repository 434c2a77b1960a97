/** Each thing that the installer's page asks of the server, by name. */
import { request } from '../api/client.ts';
import type { Contact, Division, LonLat, Tier } from '../model/documents.ts';
import type { Given } from './app.ts';
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

/** With `division` as something would be placed that is declared to be in it. */
export const locate = ([lon, lat]: LonLat, crs: string, division?: string | null): Promise<Location> =>
  request('GET', `${V1}/locate?${query({ lon, lat, crs, ...(division ? { division } : {}) })}`);

export const divisions = async (tier: Tier, below: string | null): Promise<Division[]> =>
  (
    await request<{ items: Division[] }>(
      'GET',
      `${V1}/divisions?${query({ tier, limit: 1000, ...(below ? { division: below } : {}) })}`,
    )
  ).items;

export interface NewSite {
  kind: string;
  name: string;
  address: string;
  position: LonLat | Given;
  division: string | null;
  organisation_id: number | null;
}
export const addSite = (body: NewSite): Promise<Site> => request('POST', `${V1}/sites`, body);

/** The site that was added there, where it is not known whether it was. */
export async function siteThere({ kind, name }: NewSite, at: Location): Promise<Site | undefined> {
  const { neighbours } = await locate(at.position, 'WGS84');
  return neighbours.find((one) => one.kind === kind && one.name === name && one.distance_m < 1);
}

export interface NewContact {
  name: string;
  phone: string;
  relation: string;
  consent_at: string | null;
}
export const addContact = (siteId: number, body: NewContact): Promise<SiteContact> =>
  request('POST', `${V1}/sites/${siteId}/contacts`, body);

export async function contactThere(siteId: number, body: NewContact): Promise<Contact | undefined> {
  const { contacts } = await request<{ contacts: Contact[] }>('GET', `${V1}/sites/${siteId}`);
  return contacts.find((one) => one.name === body.name && one.relation === body.relation);
}

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

/** The device that was registered there just now, where it is not known whether it was. */
export async function deviceThere(body: NewDevice): Promise<InstalledDevice | undefined> {
  return (await devicesOf(body.site_id, body.device_id)).find(
    (one) => one.device_id === body.device_id && one.kind === body.kind && one.status === 'test',
  );
}

export const readDevice = (device: number): Promise<InstalledDevice> =>
  request('GET', `${V1}/devices/${device}`);

/** A site's devices, those that are in use or may come to it again; with `named` those of this name or id. */
export const devicesOf = async (site: number, named = ''): Promise<InstalledDevice[]> =>
  properties(
    await request<Features<InstalledDevice>>(
      'GET',
      `${V1}/devices?${query({ site_id: site, limit: 100, ...(named ? { q: named } : {}) })}`,
    ),
  ).filter((one) => one.status !== 'retired');

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

/** Those whose test ends last come first: the server keeps one in this state for a day after its test. */
export const devicesInTest = async (): Promise<InstalledDevice[]> =>
  properties(await request<Features<InstalledDevice>>('GET', `${V1}/devices?state=test&limit=200`))
    .sort((a, b) => Date.parse(b.test_until ?? '') - Date.parse(a.test_until ?? ''))
    .slice(0, 20);

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
