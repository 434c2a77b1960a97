import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ageOf } from '../src/model/age.ts';
import { DivisionCounts, divisionCounts } from '../src/model/counts.ts';
import { PRIORITIES } from '../src/model/documents.ts';
import { compareQueue, matchQueue, newestUnacknowledged, queueOrder, reorder } from '../src/model/queue.ts';
import { incident } from './documents.ts';

const incidents = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 500 }),
      priority: fc.constantFrom(...PRIORITIES),
      state: fc.constantFrom('new' as const, 'acknowledged' as const, 'dispatched' as const),
      // PostgreSQL leaves trailing zeros of a second's fraction away, so these do not sort as text.
      opened_at: fc.constantFrom(
        '2026-03-01T00:00:00+00:00',
        '2026-03-01T00:00:00.5+00:00',
        '2026-03-01T00:00:00.123456+00:00',
        '2026-03-01T00:00:01+00:00',
      ),
      county: fc.constantFrom('411202000000', '411282000000', null),
      village: fc.constantFrom('411202001001', null),
    }),
    { selector: (made) => made.id, maxLength: 40 },
  )
  .map((made) => made.map((over) => incident(over)));

test('unacknowledged before acknowledged, then priority, then oldest first', () => {
  const rows = queueOrder([
    incident({ id: 1, priority: 1, state: 'acknowledged' }),
    incident({ id: 2, priority: 4, opened_at: '2026-03-01T00:00:00Z' }),
    incident({ id: 3, priority: 3, opened_at: '2026-03-01T00:09:00Z' }),
    incident({ id: 4, priority: 3, opened_at: '2026-03-01T00:01:00Z' }),
    incident({ id: 5, priority: 2, state: 'dispatched' }),
  ]);
  expect(rows.map((row) => row.id)).toEqual([4, 3, 2, 1, 5]);
});

test('the order is total: the same rows in any order come out the same', () => {
  fc.assert(
    fc.property(incidents, (rows) => {
      const ids = (list: readonly { id: number }[]) => list.map((row) => row.id);
      expect(ids(queueOrder([...rows].reverse()))).toEqual(ids(queueOrder(rows)));
      for (const a of rows) for (const b of rows) expect(compareQueue(a, b) + compareQueue(b, a)).toBe(0);
    }),
  );
});

test('putting changed rows in their places is the same as sorting anew', () => {
  fc.assert(
    fc.property(incidents, incidents, fc.array(fc.integer({ min: 1, max: 500 })), (before, changed, gone) => {
      const removed = gone.filter((id) => !changed.some((row) => row.id === id));
      const after = new Map([...before, ...changed].map((row) => [row.id, row]));
      for (const id of removed) after.delete(id);
      expect(reorder(queueOrder(before), changed, removed)).toEqual(queueOrder(after.values()));
    }),
  );
});

test('counts that are kept are the same as counting anew', () => {
  fc.assert(
    fc.property(incidents, incidents, (some, others) => {
      const counts = new DivisionCounts();
      for (const row of [...some, ...others]) counts.add(row);
      for (const row of some) counts.remove(row);
      expect(new Map(counts.entries())).toEqual(divisionCounts(others));
    }),
  );
});

test('the newest unacknowledged one is found whatever its priority', () => {
  const newest = newestUnacknowledged([
    incident({ id: 1, priority: 1 }),
    incident({ id: 2, priority: 4, opened_at: '2026-03-01T00:09:00Z' }),
    incident({ id: 3, state: 'acknowledged', opened_at: '2026-03-01T01:00:00Z' }),
  ]);
  expect(newest?.id).toBe(2);
});

test('a search keeps rows with every word, in queue order', () => {
  const rows = [incident({ id: 1 }), incident({ id: 2 }), incident({ id: 3 })];
  const text = (row: { id: number }) => ['孟村 Mengcun shop', '孟村 house', 'Sucun shop'][row.id - 1] ?? '';
  expect(matchQueue(rows, ' 孟村  SHOP', text).map((row) => row.id)).toEqual([1]);
  expect(matchQueue(rows, '  ', text)).toBe(rows);
});

test('a division counts what is open in it, and shows the gravest', () => {
  fc.assert(
    fc.property(incidents, (rows) => {
      const counts = divisionCounts(rows);
      for (const code of ['411202000000', '411282000000', '411202001001']) {
        const inside = rows.filter((row) => row.county === code || row.village === code);
        const count = counts.get(code);
        expect(count?.open ?? 0).toBe(inside.length);
        if (inside.length === 0) continue;
        const top = Math.min(...inside.map((row) => row.priority));
        expect(count?.top).toBe(top);
        expect(count?.topUnacknowledged).toBe(
          inside.some((row) => row.priority === top && row.state === 'new'),
        );
      }
    }),
  );
});

test('the bar fills towards the target, is late from then on, and is gone once somebody has it', () => {
  const opened = Date.parse('2026-03-01T00:00:00Z');
  const at = (seconds: number) => ageOf(incident({ priority: 2 }), opened + seconds * 1000);
  expect(at(30)).toEqual({ seconds: 30, fraction: 0.5, late: false });
  expect(at(59).late).toBe(false);
  expect(at(60)).toEqual({ seconds: 60, fraction: 1, late: true });
  expect(ageOf(incident({ state: 'acknowledged' }), opened + 9e6).late).toBe(false);
  expect(ageOf(incident({ priority: 5 }), opened + 9e6).fraction).toBeNull();
  expect(ageOf(incident(), opened - 5000).seconds).toBe(0);
});
