import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Alarm, Change, Incident } from '../src/model/documents.ts';
import { applyChange, applyChanges, coalesce, EMPTY_STATE, fromSnapshot } from '../src/model/live-state.ts';
import { alarm, incident } from './documents.ts';

/** A server in miniature: what it holds, and the numbered changes that it sent. */
class Server {
  readonly changes: Change[] = [];
  readonly incidents = new Map<number, Incident>();
  readonly alarms = new Map<number, Alarm>();
  readonly #versions = new Map<string, number>();

  step({ kind, id, what }: Step): void {
    const seq = this.changes.length + 1;
    const at = '2026-03-01T00:00:00Z';
    const held = this[kind === 'incident' ? 'incidents' : 'alarms'];
    if (what === 'gone') {
      held.delete(id);
      this.changes.push({ seq, at, kind, id, gone: true });
      return;
    }
    const key = `${kind}:${id}`;
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    const over = { id, version, closed_at: what === 'close' ? at : null };
    const document = kind === 'incident' ? incident(over) : alarm(over);
    if (what === 'close') held.delete(id);
    else held.set(id, document as never);
    this.changes.push({ seq, at, kind, id, version, document } as Change);
  }

  snapshot() {
    return {
      seq: this.changes.length,
      now: '',
      incidents: [...this.incidents.values()],
      alarms: [...this.alarms.values()],
    };
  }
}

interface Step {
  kind: 'incident' | 'alarm';
  id: number;
  what: 'put' | 'close' | 'gone';
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('incident' as const, 'alarm' as const),
    id: fc.integer({ min: 1, max: 6 }),
    what: fc.constantFrom('put' as const, 'put' as const, 'put' as const, 'close' as const, 'gone' as const),
  }),
  { maxLength: 60 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 });

/** The same changes in batches of these sizes, the last size over and over. */
function batches(changes: readonly Change[], lengths: readonly number[]): Change[][] {
  const result: Change[][] = [];
  for (let at = 0, i = 0; at < changes.length; i += 1) {
    const size = lengths[Math.min(i, lengths.length - 1)] ?? 1;
    result.push(changes.slice(at, at + size));
    at += size;
  }
  return result;
}

const plain = (state: { incidents: ReadonlyMap<number, unknown>; alarms: ReadonlyMap<number, unknown> }) => ({
  incidents: Object.fromEntries(state.incidents),
  alarms: Object.fromEntries(state.alarms),
});

describe('the live state', () => {
  test('a snapshot and the changes after it are a fresh snapshot, in any batching', () => {
    fc.assert(
      fc.property(steps, steps, sizes, fc.boolean(), (before, after, lengths, together) => {
        const server = new Server();
        for (const step of before) server.step(step);
        let state = fromSnapshot(server.snapshot());
        const from = server.changes.length;
        for (const step of after) server.step(step);
        for (const batch of batches(server.changes.slice(from), lengths)) {
          state = applyChanges(state, together ? coalesce(batch) : batch).state;
        }
        expect(plain(state)).toEqual(plain(fromSnapshot(server.snapshot())));
        expect(state.seq).toBe(server.changes.length);
      }),
      { numRuns: 400 },
    );
  });

  test('changes that are sent twice alter nothing', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, again) => {
        const server = new Server();
        for (const step of all) server.step(step);
        const once = applyChanges(EMPTY_STATE, server.changes).state;
        const twice = applyChanges(once, server.changes.slice(again % (all.length + 1))).state;
        expect(plain(twice)).toEqual(plain(once));
      }),
    );
  });

  test('the diffs lead a copy to the same state', () => {
    fc.assert(
      fc.property(steps, sizes, (all, lengths) => {
        const server = new Server();
        for (const step of all) server.step(step);
        let state = EMPTY_STATE;
        const copy = new Map<number, Incident>();
        for (const batch of batches(server.changes, lengths)) {
          const result = applyChanges(state, batch);
          state = result.state;
          for (const id of result.diff.incidents.removed) expect(copy.delete(id)).toBe(true);
          for (const document of result.diff.incidents.added) {
            expect(copy.has(document.id)).toBe(false);
            copy.set(document.id, document);
          }
          for (const document of result.diff.incidents.updated) copy.set(document.id, document);
        }
        expect(Object.fromEntries(copy)).toEqual(Object.fromEntries(state.incidents));
      }),
    );
  });

  test('an older document never overwrites a newer one', () => {
    const held = fromSnapshot({
      seq: 4,
      now: '',
      incidents: [incident({ version: 5, priority: 1 })],
      alarms: [],
    });
    const late: Change = {
      seq: 5,
      at: '',
      kind: 'incident',
      id: 1,
      version: 3,
      document: incident({ version: 3 }),
    };
    const { state, diff } = applyChange(held, late);
    expect(state.incidents.get(1)?.priority).toBe(1);
    expect(diff.incidents.updated).toEqual([]);
    expect(state.seq).toBe(5);
  });

  test('a note on a case that was closed long ago is told, though the case is not held', () => {
    const closed = incident({ id: 9, version: 8, state: 'closed', closed_at: '2026-03-01T00:00:00Z' });
    const note: Change = { seq: 1, at: '', kind: 'incident', id: 9, version: 8, document: closed };
    const { state, diff } = applyChange(EMPTY_STATE, note);
    expect(diff.incidents.closed).toEqual([9]);
    expect(diff.incidents.removed).toEqual([]);
    expect(state.incidents.size).toBe(0);
  });

  test('a device that speaks is told, and is no part of what is open', () => {
    const { state, diff } = applyChange(EMPTY_STATE, {
      seq: 1,
      at: '',
      kind: 'device',
      id: 9,
      version: 1,
      document: {} as never,
    });
    expect(diff.devices).toEqual([9]);
    expect(state.incidents.size).toBe(0);
  });
});
