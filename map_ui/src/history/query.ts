/** What the form asks, as the server takes it. Pure: the present time and the installation's zone are given. */
import type { LonLat } from '../model/documents.ts';
import { toPolygon } from './polygon.ts';

export const PERIODS = ['day', 'week', 'month', 'year', 'all', 'between'] as const;
export type Period = (typeof PERIODS)[number];

const DAY_MS = 86_400_000;
const DAYS: Partial<Record<Period, number>> = { day: 1, week: 7, month: 30, year: 365 };

/** What stands in the form; empty: anything. */
export interface Asked {
  purpose: string;
  period: Period;
  /** `2026-03-03T02:10` by the clock of the installation's zone. */
  from: string;
  to: string;
  hoursFrom: string;
  hoursTo: string;
  division: string;
  categories: readonly string[];
  dispositions: readonly string[];
  priorities: readonly number[];
  text: string;
  area: readonly LonLat[];
}

/** The `query` of `POST /api/v1/searches`. */
export function queryOf(asked: Asked, nowMs: number, timeZone: string): Record<string, unknown> {
  const days = DAYS[asked.period];
  const between = asked.period === 'between';
  const from = days ? nowMs - days * DAY_MS : between ? instantOf(asked.from, timeZone) : null;
  const to = between ? instantOf(asked.to, timeZone, 'last') : null;
  const query: Record<string, unknown> = {
    area: asked.area.length >= 3 ? toPolygon(asked.area) : null,
    division: asked.division || null,
    from: from === null ? null : new Date(from).toISOString(),
    to: to === null ? null : new Date(to).toISOString(),
    hours: asked.hoursFrom && asked.hoursTo ? { from: asked.hoursFrom, to: asked.hoursTo } : null,
    category: asked.categories.length > 0 ? asked.categories : null,
    disposition: asked.dispositions.length > 0 ? asked.dispositions : null,
    priority: asked.priorities.length > 0 ? asked.priorities : null,
    text: asked.text.trim() || null,
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null));
}

export type WrongField = 'purpose' | 'to' | 'hours';

/** The field that is wrong before anything is sent; null: nothing. */
export function wrongField(asked: Asked): WrongField | null {
  if (asked.purpose.trim().length < 3) return 'purpose';
  // (Both are by the same clock, and written so that the earlier is the smaller.)
  if (asked.period === 'between' && asked.from && asked.to && asked.from >= asked.to) return 'to';
  const one = Boolean(asked.hoursFrom) !== Boolean(asked.hoursTo);
  const same = asked.hoursFrom !== '' && asked.hoursFrom === asked.hoursTo;
  return one || same ? 'hours' : null;
}

/**
 * The instant at which a clock of this zone shows `2026-03-03T02:10`; null for what is no time. Where it shows that twice,
 * because it is put back, the first or the last time; where never, because it is put forward, an hour beside.
 */
export function instantOf(local: string, timeZone: string, which: 'first' | 'last' = 'first'): number | null {
  const wanted = Date.parse(`${local}Z`);
  if (!local || Number.isNaN(wanted)) return null;
  const offsets = [wanted - DAY_MS, wanted + DAY_MS].map((at) => offsetMs(at, timeZone));
  const instants = offsets.map((offset) => wanted - offset);
  const shown = instants.filter((at) => at + offsetMs(at, timeZone) === wanted);
  return (which === 'first' ? Math.min : Math.max)(...(shown.length > 0 ? shown : instants));
}

function offsetMs(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  const shown = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return shown - Math.floor(at / 1000) * 1000;
}
