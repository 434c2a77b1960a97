/** Each thing that the screen asks of the server, by name. */
import type { Action } from '../model/actions.ts';
import type { Division, Incident, IncidentDetail, LonLat, Session } from '../model/documents.ts';
import { Problem, request, requestBlob } from './client.ts';

const V1 = '/api/v1';

/** Null when nobody is signed in. */
export async function currentSession(): Promise<Session | null> {
  try {
    return await request<Session>('GET', `${V1}/session`);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) return null;
    throw problem;
  }
}

export const signIn = (username: string, password: string): Promise<Session> =>
  request('POST', `${V1}/session`, { username, password });

export const signOut = (): Promise<void> => request('DELETE', `${V1}/session`);

interface Page {
  items?: unknown[];
  features?: { properties: Record<string, unknown>; geometry: unknown }[];
  links?: { rel: string; href: string }[];
}

/** Every division in scope, page by page: about 1,500 in a city. */
export async function allDivisions(): Promise<Division[]> {
  const divisions: Division[] = [];
  let path: string | undefined = `${V1}/divisions?limit=1000`;
  while (path) {
    const page: Page = await request<Page>('GET', path);
    const items = page.items ?? page.features?.map((feature) => feature.properties) ?? [];
    divisions.push(...(items as Division[]));
    path = page.links?.find((link) => link.rel === 'next')?.href;
  }
  return divisions;
}

export const incidentDetail = (id: number): Promise<IncidentDetail> =>
  request('GET', `${V1}/incidents/${id}`);

export const act = (id: number, action: Action, body: Record<string, unknown> = {}): Promise<Incident> =>
  request('POST', `${V1}/incidents/${id}/${action}`, body);

/** A picture of an incident, against a reason that the audit log keeps. */
export const evidence = (sha256: string, reason: string): Promise<Blob> =>
  requestBlob(`${V1}/evidence/${sha256}?reason=${encodeURIComponent(reason)}`, 'image/jpeg');

export interface ManyResult {
  done: { id: number; version: number }[];
  refused: { id: number; type: string; detail: string }[];
}

export const acknowledgeMany = (ids: readonly number[]): Promise<ManyResult> =>
  request('POST', `${V1}/incidents/acknowledge`, { ids });

export interface Report {
  category: string;
  position?: LonLat | null;
  site_id?: number | null;
  title: string;
  text: string;
  caller_name: string;
  caller_phone: string;
}

export const report = (body: Report): Promise<Incident> => request('POST', `${V1}/incidents`, body);

/** What a masked row shows once a reason was given. */
export interface Revealed {
  name?: string | null;
  phone: string | null;
}

export const revealPhone = (siteId: number, contactId: number, reason: string): Promise<Revealed> =>
  request('POST', `${V1}/sites/${siteId}/contacts/${contactId}/reveal`, { reason });

export const revealCaller = (incidentId: number, reason: string): Promise<Revealed> =>
  request('POST', `${V1}/incidents/${incidentId}/caller/reveal`, { reason });
