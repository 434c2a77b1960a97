/** What a tab makes of the feed: what came meanwhile, and what rings. */
import { expect, test } from 'vitest';
import { LiveStore, newlyRinging } from '../src/feed/live-store.ts';
import type { ToTab } from '../src/feed/protocol.ts';
import type { Snapshot } from '../src/model/documents.ts';
import { incident } from './documents.ts';

const snapshot = (incidents: Snapshot['incidents'], seq = 1): ToTab => ({
  type: 'snapshot',
  snapshot: { seq, now: '', incidents, alarms: [] },
  again: false,
});
const change = (seq: number, at: string, over: Parameters<typeof incident>[0]): ToTab => {
  const document = incident({ version: seq, ...over });
  return {
    type: 'changes',
    changes: [{ seq, at, kind: 'incident', id: document.id, version: seq, document }],
  };
};

test('marks what came while the line was down, and not what came after', () => {
  const store = new LiveStore();
  store.receive(snapshot([]));
  store.receive({ type: 'link', link: { kind: 'lost', since: 0 }, offsetMs: 0 });
  store.receive({ type: 'back', since: 0, at: Date.parse('2026-03-01T03:10:00Z') });
  store.receive({ type: 'link', link: { kind: 'live' }, offsetMs: 0 });
  store.receive(change(2, '2026-03-01T03:05:00Z', { id: 8 }));
  store.receive(change(3, '2026-03-01T03:10:01Z', { id: 9 }));
  expect([...store.meanwhile.value]).toEqual([8]);
  store.seen(8);
  expect(store.meanwhile.value.size).toBe(0);
});

test('marks what passed it by while it had no hub, and says that it is back', () => {
  const store = new LiveStore();
  store.receive(snapshot([incident({ id: 1 })]));
  store.receive({ type: 'link', link: { kind: 'lost', since: 5 }, offsetMs: 250 });
  expect(store.receive({ type: 'hub' })).toBe('hello');
  store.receive({ type: 'link', link: { kind: 'connecting' }, offsetMs: 0 });
  expect([store.link.value.kind, store.offsetMs]).toEqual(['lost', 250]);
  store.receive(snapshot([incident({ id: 1 }), incident({ id: 2 })], 2));
  store.receive({ type: 'link', link: { kind: 'live' }, offsetMs: 250 });
  expect([...store.meanwhile.value]).toEqual([2]);
  expect(store.back.value).toEqual({ since: 5 });
  store.dismissBack();
  store.receive(snapshot([incident({ id: 1 }), incident({ id: 2 }), incident({ id: 3 })], 3));
  expect(store.meanwhile.value.size).toBe(0);
});

test('given up by a hub whose line is there, it marks what passed it by', () => {
  const store = new LiveStore();
  store.receive(snapshot([incident({ id: 1 })]));
  store.receive({ type: 'link', link: { kind: 'live' }, offsetMs: 0 });
  store.receive({ type: 'hub' });
  store.receive({ type: 'link', link: { kind: 'live' }, offsetMs: 0 });
  store.receive(snapshot([incident({ id: 1 }), incident({ id: 2 })], 2));
  expect([...store.meanwhile.value]).toEqual([2]);
  expect(store.back.value).not.toBeNull();
});

test('another hub that has nothing new is not worth a word', () => {
  const store = new LiveStore();
  store.receive(snapshot([incident({ id: 1 })]));
  store.receive({ type: 'hub' });
  store.receive(snapshot([incident({ id: 1 })], 2));
  expect(store.back.value).toBeNull();
});

test('after a reset marks what differs', () => {
  const store = new LiveStore();
  store.receive(snapshot([incident({ id: 1 }), incident({ id: 2 })]));
  store.receive({
    type: 'snapshot',
    snapshot: {
      seq: 9,
      now: '',
      incidents: [incident({ id: 1 }), incident({ id: 2, version: 4 }), incident({ id: 3 })],
      alarms: [],
    },
    again: true,
  });
  expect([...store.meanwhile.value].sort()).toEqual([2, 3]);
});

test('rings for the new and for the graver, not for the first snapshot', () => {
  const store = new LiveStore();
  const rung: number[][] = [];
  store.batch.watch((batch, before) => rung.push(newlyRinging(before.state, batch).map((held) => held.id)));
  store.receive(snapshot([incident({ id: 1, state: 'acknowledged' }), incident({ id: 2 })]));
  store.receive(change(2, '', { id: 3 }));
  store.receive(change(3, '', { id: 3, alarm_count: 2 }));
  store.receive(change(4, '', { id: 1, state: 'new', priority: 1 }));
  store.receive(change(5, '', { id: 2, priority: 2 }));
  store.receive(change(6, '', { id: 4, state: 'acknowledged' }));
  expect(rung).toEqual([[], [3], [], [1], [2], []]);
});
