/** What the history page asks of the server. */
import { problemOf, Problem, request } from '../api/client.ts';
import type { Incident, IncidentDetail, LonLat } from '../model/documents.ts';

const SEARCHES = '/api/v1/searches';
/** A file of 100,000 rows takes a while to make. */
const EXPORT_TIMEOUT_MS = 180_000;
const CLOCK_TIMEOUT_MS = 20_000;

export const FORMATS = ['xlsx', 'csv', 'geojson', 'gpkg'] as const;
export type Format = (typeof FORMATS)[number];
/** Names of their own, the same in every language. */
export const FORMAT_NAMES: Record<Format, string> = {
  xlsx: 'Excel',
  csv: 'CSV',
  geojson: 'GeoJSON',
  gpkg: 'GeoPackage',
};

export interface Search {
  id: number;
  at: string;
  expires_at: string;
  purpose: string;
  query: Record<string, unknown>;
  words: { en: string; zh: string };
}

interface Answer {
  search: Search;
  features: { properties: Omit<Incident, 'position'>; geometry: { coordinates: LonLat } | null }[];
  links: { rel: string; href: string }[];
}

/** A search and what is read of its answer so far. */
export interface Found {
  search: Search;
  incidents: readonly Incident[];
  next: string | null;
}

export async function openSearch(purpose: string, query: Record<string, unknown>): Promise<Found> {
  return foundOf(await request<Answer>('POST', SEARCHES, { purpose, query }));
}

/** The same with its next page. */
export async function moreOf(found: Found): Promise<Found> {
  if (found.next === null) return found;
  const page = foundOf(await request<Answer>('GET', found.next));
  return { ...page, incidents: [...found.incidents, ...page.incidents] };
}

export const foundIncident = (search: number, id: number): Promise<IncidentDetail> =>
  request('GET', `${SEARCHES}/${search}/incidents/${id}`);

/** All that the search finds, as a file with its name. */
export async function exported(
  search: number,
  format: Format,
  language: string,
): Promise<{ name: string; file: Blob }> {
  const path = `${SEARCHES}/${search}/export?format=${format}&language=${language}`;
  const response = await answerOf(path, EXPORT_TIMEOUT_MS);
  const name = /filename="([^"]+)"/u.exec(response.headers.get('Content-Disposition') ?? '')?.[1];
  return { name: name ?? `search-${search}.${format}`, file: await response.blob() };
}

/** What time it is by the server's clock: by a wrong one of this machine, "the last 24 hours" would miss them silently. */
export async function serverNow(): Promise<number> {
  const response = await answerOf('/api/v1/session', CLOCK_TIMEOUT_MS);
  const at = Date.parse(response.headers.get('Date') ?? '');
  return Number.isNaN(at) ? Date.now() : at;
}

async function answerOf(path: string, timeoutMs: number): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw new Problem('unreachable', 0, String(cause), '');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

function foundOf(answer: Answer): Found {
  return {
    search: answer.search,
    incidents: answer.features.map(({ properties, geometry }): Incident => ({
      ...properties,
      position: geometry?.coordinates ?? null,
    })),
    next: answer.links.find((link) => link.rel === 'next')?.href ?? null,
  };
}
