import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areaFeatures, boxPoints, closesWell, crosses, toPolygon } from '../src/history/polygon.ts';
import { type Asked, instantOf, queryOf, wrongField } from '../src/history/query.ts';
import { landing } from '../src/model/landing.ts';
import { Clock } from '../src/model/format.ts';
import type { LonLat, Session } from '../src/model/documents.ts';

const ZONE = 'Asia/Shanghai';
const NOW = Date.parse('2026-03-03T02:10:00+08:00');
const ANYTHING: Asked = {
  purpose: 'case 2026-0311',
  period: 'all',
  from: '',
  to: '',
  hoursFrom: '',
  hoursTo: '',
  division: '',
  categories: [],
  dispositions: [],
  priorities: [],
  text: ' ',
  area: [],
};

test('what is left empty is not asked', () => {
  expect(queryOf(ANYTHING, NOW, ZONE)).toEqual({});
});

test('times are those of the installation, not of the browser', () => {
  expect(instantOf('2026-03-03T02:10', ZONE)).toBe(NOW);
  expect(instantOf('2026-07-01T12:00', 'Europe/Berlin')).toBe(Date.parse('2026-07-01T10:00:00Z'));
  expect(instantOf('2026-03-29T03:30', 'Europe/Berlin')).toBe(Date.parse('2026-03-29T01:30:00Z'));
  expect(instantOf('', ZONE)).toBeNull();
  const asked = queryOf({ ...ANYTHING, period: 'between', from: '2026-03-03T02:10' }, NOW, ZONE);
  expect(asked).toEqual({ from: '2026-03-02T18:10:00.000Z' });
  expect(queryOf({ ...ANYTHING, period: 'week' }, NOW, ZONE)).toEqual({ from: '2026-02-23T18:10:00.000Z' });
});

test('an hour that comes twice is searched whole, and one that never comes is beside', () => {
  const berlin = (local: string, which?: 'first' | 'last') => instantOf(local, 'Europe/Berlin', which);
  expect(berlin('2026-10-25T02:30')).toBe(Date.parse('2026-10-25T02:30:00+02:00'));
  expect(berlin('2026-10-25T02:30', 'last')).toBe(Date.parse('2026-10-25T02:30:00+01:00'));
  expect(berlin('2026-03-29T02:30')).toBe(Date.parse('2026-03-29T02:30:00+02:00'));
  expect(berlin('2026-03-29T02:30', 'last')).toBe(Date.parse('2026-03-29T02:30:00+01:00'));
  const night = { ...ANYTHING, period: 'between', from: '2026-10-25T02:10', to: '2026-10-25T02:50' } as const;
  expect(queryOf(night, NOW, 'Europe/Berlin')).toEqual({
    from: '2026-10-25T00:10:00.000Z',
    to: '2026-10-25T01:50:00.000Z',
  });
});

test('an end that is not after its beginning is told before anything is sent', () => {
  const between = {
    ...ANYTHING,
    period: 'between',
    from: '2026-03-03T02:00',
    to: '2026-03-03T02:00',
  } as const;
  expect(wrongField(between)).toBe('to');
  expect(wrongField({ ...between, to: '2026-03-03T02:01' })).toBeNull();
  expect(wrongField({ ...between, to: '' })).toBeNull();
  expect(wrongField({ ...between, period: 'day' })).toBeNull();
});

test('a clock of the zone shows what an instant was made of', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 * 24 * 365 * 30 }),
      fc.constantFrom(ZONE, 'Asia/Kathmandu', 'UTC'),
      (minutes, zone) => {
        const local = new Date(minutes * 60_000).toISOString().slice(0, 16);
        const at = instantOf(local, zone);
        expect(at).not.toBeNull();
        expect(new Clock('en', zone).dated(at ?? 0)).toBe(local.replace('T', ' '));
      },
    ),
  );
});

test('hours go as they are, over midnight too, and only in pairs', () => {
  const night = { ...ANYTHING, hoursFrom: '22:00', hoursTo: '06:00' };
  expect(queryOf(night, NOW, ZONE)).toEqual({ hours: { from: '22:00', to: '06:00' } });
  expect(wrongField(night)).toBeNull();
  expect(wrongField({ ...night, hoursTo: '' })).toBe('hours');
  expect(wrongField({ ...night, hoursTo: '22:00' })).toBe('hours');
  expect(wrongField({ ...ANYTHING, purpose: ' ab ' })).toBe('purpose');
});

const SQUARE: LonLat[] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];

test('an area is closed when it is sent', () => {
  expect(toPolygon(SQUARE).coordinates[0]).toEqual([...SQUARE, [0, 0]]);
  expect(queryOf({ ...ANYTHING, area: SQUARE.slice(0, 2) }, NOW, ZONE)).toEqual({});
  expect(queryOf({ ...ANYTHING, area: SQUARE }, NOW, ZONE)).toEqual({ area: toPolygon(SQUARE) });
});

test('an outline that would cross itself is not taken', () => {
  expect(crosses(SQUARE.slice(0, 3), [0.5, -1])).toBe(true);
  expect(crosses(SQUARE.slice(0, 3), [0, 1])).toBe(false);
  expect(closesWell(SQUARE)).toBe(true);
  expect(closesWell(SQUARE.slice(0, 2))).toBe(false);
  // Each line to the next is well, and only the closing one crosses.
  const hooked: LonLat[] = [...SQUARE.slice(0, 3), [2, 0.5]];
  expect(crosses(SQUARE.slice(0, 3), [2, 0.5])).toBe(false);
  expect(closesWell(hooked)).toBe(false);
});

test('the corners of any box make a proper area', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -170, max: 0, noNaN: true }),
      fc.double({ min: 0.01, max: 80, noNaN: true }),
      (at, size) => {
        expect(closesWell(boxPoints(at, 0, at + size, size))).toBe(true);
      },
    ),
  );
});

test('corners are shown while drawing, the surface as soon as there is one', () => {
  const kinds = (points: readonly LonLat[], drawing: boolean) =>
    areaFeatures(points, drawing).map((feature) => feature.geometry.type);
  expect(kinds(SQUARE.slice(0, 1), true)).toEqual(['Point']);
  expect(kinds(SQUARE.slice(0, 2), true)).toEqual(['LineString', 'Point', 'Point']);
  expect(kinds(SQUARE, false)).toEqual(['Polygon']);
});

test('who answers alarms lands on the map, others on the page that is theirs', () => {
  const may = (rights: Record<string, boolean>) => landing({ may: rights } as unknown as Session);
  expect(may({ 'history.search': true, 'incident.read': false })).toBe('/history');
  expect(may({ 'history.search': true, 'incident.read': true, 'device.write': true })).toBe('/');
  expect(may({ 'device.write': true, 'incident.read': false })).toBe('/install');
  expect(may({ 'audit.read': true })).toBe('/');
});
