import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { fanSpots } from '../src/map/fan.ts';
import { incidentFeature, isUrgent, sourceDiff } from '../src/map/features.ts';
import type { App } from '../src/app.ts';
import { SelectionLayer } from '../src/map/selection.ts';
import { gcjTile, tilePlace, toGcj02 } from '../src/map/gcj02.ts';
import { styleFor } from '../src/map/style.ts';
import { breaksFor, tierAt, zoomRanges } from '../src/map/tiers.ts';
import { boundsOf } from '../src/map/view.ts';
import type { Division, Incident, Session } from '../src/model/documents.ts';
import { fromSnapshot } from '../src/model/live-state.ts';
import { liesIn, Places } from '../src/model/places.ts';
import { PALETTES } from '../src/theme/palette.ts';
import { incident } from './documents.ts';

const some = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 12 }),
      version: fc.integer({ min: 1, max: 5 }),
      priority: fc.constantFrom(1 as const, 3 as const),
      state: fc.constantFrom('new' as const, 'acknowledged' as const),
      position: fc.constantFrom([111, 34] as const, null),
    }),
    { selector: (made) => made.id },
  )
  .map((made) =>
    fromSnapshot({ seq: 1, now: '', incidents: made.map((over) => incident(over)), alarms: [] }),
  );

test.each([
  ['all', () => true],
  ['urgent', isUrgent],
] as const)('the updates keep a source equal to the open incidents that it shows (%s)', (_name, shows) => {
  fc.assert(
    fc.property(fc.array(some, { maxLength: 8 }), (states) => {
      const holds = new Map<number, string>();
      const source = new Map<number, unknown>();
      let before = new Map<number, unknown>();
      for (const { incidents } of states) {
        const touched = new Set([...before.keys(), ...incidents.keys()]);
        const update = sourceDiff(holds, touched, incidents, shows);
        for (const id of update?.remove ?? []) expect(source.delete(Number(id))).toBe(true);
        for (const feature of update?.add ?? []) {
          expect(source.has(Number(feature.id))).toBe(false);
          source.set(Number(feature.id), feature.properties);
        }
        before = new Map(incidents);
        const wanted = [...incidents.values()].filter((held) => held.position !== null && shows(held));
        const features = wanted.map((held) => [held.id, incidentFeature(held)?.properties] as const);
        expect(source).toEqual(new Map(features));
      }
    }),
  );
});

test('a repeat of an alarm sends nothing to the map', () => {
  const holds = new Map<number, string>();
  const first = incident({ id: 5 });
  expect(sourceDiff(holds, [5], new Map([[5, first]]))?.add).toHaveLength(1);
  const again = { ...first, version: 2, alarm_count: 2, last_alarm_at: '2026-03-01T00:01:00Z' };
  expect(sourceDiff(holds, [5], new Map([[5, again]]))).toBeNull();
});

test('what lies at one point is spread so that each can be hit with a finger', () => {
  for (const n of [2, 3, 8, 9, 25, 40]) {
    const spots = fanSpots(n);
    expect(spots).toHaveLength(n);
    for (const [i, a] of spots.entries()) {
      for (const b of spots.slice(i + 1)) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(24);
    }
  }
});

test('GCJ-02 lies about 500 m away in the reference city, and by another amount at its other end', () => {
  const metres = (lon: number, lat: number) => {
    const [x, y] = toGcj02([lon, lat]);
    return Math.hypot((x - lon) * 111_320 * Math.cos((lat / 180) * Math.PI), (y - lat) * 110_950);
  };
  const [west, east] = [metres(110.4, 33.8), metres(111.9, 34.9)];
  for (const shift of [west, east]) {
    expect(shift).toBeGreaterThan(440);
    expect(shift).toBeLessThan(600);
  }
  expect(Math.abs(west - east)).toBeGreaterThan(5);
  expect(toGcj02([2.35, 48.85])).toEqual([2.35, 48.85]);
});

test('a street map tile is moved by that shift', () => {
  const zoom = 15;
  const place = tilePlace([111.2, 34.77], zoom);
  const [x, y] = [Math.floor(place.x), Math.floor(place.y)];
  const moved = gcjTile(x, y, zoom);
  const tileMetres = (40_075_016 / 2 ** zoom) * Math.cos((34.77 / 180) * Math.PI);
  const shift = Math.hypot(moved.x - x, moved.y - y) * tileMetres;
  expect(shift).toBeGreaterThan(440);
  expect(shift).toBeLessThan(600);
});

const division = (over: Partial<Division>): Division => ({
  code: '411200000000',
  tier: 1,
  name: '',
  name_latin: null,
  parent_code: null,
  has_boundary: true,
  synthetic: false,
  label_point: null,
  bounds: null,
  ...over,
});

test('a division without a boundary is shown by what lies below it', () => {
  const zone = division({ code: '411271000000', tier: 2, has_boundary: false });
  const places = new Places([
    zone,
    division({ code: '411271001000', tier: 3, parent_code: zone.code, bounds: [111, 34, 111.2, 34.2] }),
    division({ code: '411271002000', tier: 3, parent_code: zone.code, bounds: [111.1, 33.9, 111.3, 34.1] }),
  ]);
  expect(boundsOf(zone, places)).toEqual([111, 33.9, 111.3, 34.2]);
  expect(places.path('411271002000').map((at) => at.code)).toEqual([zone.code, '411271002000']);
  expect(boundsOf(division({}), new Places())).toBeNull();
});

test('codes lie in each other by their digits', () => {
  expect(liesIn('411282103205', '411282103000')).toBe(true);
  expect(liesIn('411282103205', '411282000000')).toBe(true);
  expect(liesIn('411282103205', '411200000000')).toBe(true);
  expect(liesIn('411282103205', '411281000000')).toBe(false);
  expect(liesIn('411282103205', '411282104000')).toBe(false);
});

test('the zoom tells the tier', () => {
  expect([8, 9.5, 12, 15].map((zoom) => tierAt(zoom))).toEqual([null, 2, 3, 4]);
});

test('who steps into a division sees what is one tier below, however large it is', () => {
  for (const tier of [2, 3, 4] as const) {
    for (const fit of [6, 8.5, 10, 12, 16]) {
      const breaks = breaksFor(tier, fit);
      expect(breaks.townships).toBeLessThanOrEqual(breaks.villages);
      expect(breaks.villages).toBeLessThanOrEqual(breaks.incidents);
      expect(tierAt(fit, breaks)).toBeGreaterThanOrEqual(tier);
      for (const [from, to] of Object.values(zoomRanges(breaks))) expect(from).toBeLessThanOrEqual(to);
    }
  }
});

test('the style asks no other host for anything, and its tiles carry version and scope', () => {
  vi.stubGlobal('location', { origin: 'https://control.room' });
  const session = {
    tiles: { version: { divisions: 3, grid_cells: 4, sites: 5 }, scope: 'd1g/st' },
  } as Session;
  const style = styleFor(session, PALETTES.dark);
  vi.unstubAllGlobals();
  expect(style.glyphs).toBeUndefined();
  expect(style.sprite).toBeUndefined();
  const addresses = Object.values(style.sources).flatMap((source) =>
    'tiles' in source ? (source.tiles ?? []) : [],
  );
  expect(addresses).toContain('https://control.room/tiles/v5/sites/{z}/{x}/{y}.mvt?scope=d1g%2Fst');
  for (const address of addresses) expect(address).toMatch(/^https:\/\/control\.room\/tiles\/v[345]\//u);
});

test('cameras of the selected are drawn: come it before the feed or after, and whoever joins', async () => {
  let drawn: { features: { properties: { role: string } }[] } = { features: [] };
  const map = {
    getSource: () => ({ setData: (data: typeof drawn) => (drawn = data) }),
    setPaintProperty: () => undefined,
  };
  const held = new Map<number, Incident>();
  const selected = { value: 5 as number | null };
  const app = { selected, incident: (id: number) => held.get(id) };
  const layer = new SelectionLayer(map as never, app as unknown as App);
  const asked: ((cameras: number) => Promise<void>)[] = [];
  const sector = { type: 'Polygon', coordinates: [] };
  vi.stubGlobal('fetch', () => {
    return new Promise<Response>((resolve) => {
      asked.push(async (cameras) => {
        resolve(Response.json({ devices: [], cameras: Array.from({ length: cameras }, () => ({ sector })) }));
        await new Promise((settled) => setTimeout(settled, 0));
      });
    });
  });
  const sectors = () => drawn.features.filter(({ properties }) => properties.role === 'sector').length;

  layer.draw();
  expect(asked).toHaveLength(0);
  held.set(5, incident({ id: 5 }));
  layer.draw();
  await asked[0]?.(1);
  expect(sectors()).toBe(1);
  // Faster than it can be read: one question at a time, and the last state is read in the end.
  for (const alarm_count of [2, 3, 4]) {
    held.set(5, incident({ id: 5, alarm_count }));
    layer.draw();
  }
  expect(asked).toHaveLength(2);
  await asked[1]?.(2);
  expect(asked).toHaveLength(3);
  await asked[2]?.(3);
  expect(sectors()).toBe(3);
  expect(asked).toHaveLength(3);

  // The line broke: what is not answered yet is asked again, and the old answer counts for nothing.
  held.set(5, incident({ id: 5, alarm_count: 5 }));
  layer.draw();
  layer.readAgain();
  await asked[4]?.(5);
  await asked[3]?.(4);
  expect(sectors()).toBe(5);
  selected.value = null;
  layer.draw();
  expect(drawn.features).toEqual([]);
  vi.unstubAllGlobals();
});
