import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { feedKind } from '../src/feed/client.ts';
import { FeedConnection } from '../src/feed/connection.ts';
import { FeedHub, isUrgent } from '../src/feed/hub.ts';
import { fromSnapshot } from '../src/model/live-state.ts';
import { LiveStore, newlyRinging } from '../src/feed/live-store.ts';
import type { FromTab, Link, ToTab } from '../src/feed/protocol.ts';
import type { Change, Snapshot } from '../src/model/documents.ts';
import { incident } from './documents.ts';

vi.mock('../src/feed/shared-worker.ts?sharedworker&url', () => ({ default: '' }));

/** A server to be listened to: answers snapshots, and speaks through its last stream. */
class FakeServer {
  seq = 0;
  signedIn = true;
  up = true;
  snapshots = 0;
  readonly streams: FakeStream[] = [];

  get stream(): FakeStream {
    const last = this.streams.at(-1);
    if (!last) throw new Error('nobody listens');
    return last;
  }

  fetch = async (path: string): Promise<Response> => {
    if (!this.up) throw new TypeError('failed to fetch');
    if (!this.signedIn) return new Response('{}', { status: 401 });
    if (path.endsWith('/session')) return Response.json({});
    this.snapshots += 1;
    return Response.json({ seq: this.seq, now: new Date().toISOString(), incidents: [], alarms: [] });
  };

  change(id = 1): Change {
    this.seq += 1;
    const document = incident({ id, version: this.seq });
    return { seq: this.seq, at: new Date().toISOString(), kind: 'incident', id, version: this.seq, document };
  }
}

let server: FakeServer;
/** The incident that these tests take to be one that somebody must see at once. */
const URGENT = 99;

class FakeStream {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;
  readonly #listeners = new Map<string, (event: { data: string }) => void>();

  constructor(readonly url: string) {
    server.streams.push(this);
  }

  addEventListener(type: string, listener: (event: { data: string }) => void): void {
    this.#listeners.set(type, listener);
  }

  say(type: string, data: unknown): void {
    if (!this.closed) this.#listeners.get(type)?.({ data: JSON.stringify(data) });
  }

  close(): void {
    this.closed = true;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-03-01T03:00:00Z') });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  server = new FakeServer();
  vi.stubGlobal('fetch', server.fetch);
  vi.stubGlobal('EventSource', FakeStream);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function listen() {
  const heard = {
    links: [] as Link[],
    changes: [] as Change[][],
    snapshots: [] as boolean[],
    backs: [] as number[],
  };
  const connection = new FeedConnection({
    link: (link) => heard.links.push(link),
    changes: (changes) => heard.changes.push(changes),
    snapshot: (_snapshot, again) => heard.snapshots.push(again),
    back: (since) => heard.backs.push(since),
    urgent: (change) => change.id === URGENT,
  });
  connection.start();
  return { connection, heard };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('the connection', () => {
  test('takes a snapshot first, then listens after its number', async () => {
    server.seq = 41;
    listen();
    await settle();
    expect(server.stream.url).toBe('/api/v1/live?after=41');
  });

  test('the first change is handed on at once, a storm twice a second, the last of each thing', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    server.stream.say('change', server.change(1));
    await vi.advanceTimersByTimeAsync(1);
    expect(heard.changes).toHaveLength(1);
    for (let i = 0; i < 100; i += 1) server.stream.say('change', server.change(1 + (i % 2)));
    await vi.advanceTimersByTimeAsync(498);
    expect(heard.changes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(heard.changes).toHaveLength(2);
    expect(heard.changes[1]?.map((change) => change.seq)).toEqual([100, 101]);
  });

  test('what rings is handed on within 100 ms, in the middle of a storm', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    server.stream.say('change', server.change(1));
    await vi.advanceTimersByTimeAsync(1);
    server.stream.say('change', server.change(1));
    await vi.advanceTimersByTimeAsync(20);
    server.stream.say('change', server.change(URGENT));
    await vi.advanceTimersByTimeAsync(78);
    expect(heard.changes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(heard.changes).toHaveLength(2);
    expect(heard.changes[1]?.map((change) => change.seq)).toEqual([2, 3]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(heard.changes).toHaveLength(2);
  });

  test('a broken line is said at once, and resumed after the last number without a new snapshot', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    server.stream.say('change', server.change());
    server.stream.onerror?.();
    expect(heard.links.at(-1)).toEqual({ kind: 'lost', since: Date.now() });
    server.up = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.streams).toHaveLength(1);
    server.up = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.stream.url).toBe('/api/v1/live?after=1');
    server.stream.onopen?.();
    expect(heard.links.map((link) => link.kind)).toEqual(['live', 'lost', 'live']);
    expect(heard.backs).toHaveLength(1);
    expect(server.snapshots).toBe(1);
  });

  test('silence is a broken line too: no heartbeat for 12 s', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    await vi.advanceTimersByTimeAsync(8000);
    server.stream.say('heartbeat', { seq: 0, now: new Date().toISOString() });
    await vi.advanceTimersByTimeAsync(8000);
    expect(heard.links.at(-1)?.kind).toBe('live');
    await vi.advanceTimersByTimeAsync(4001);
    expect(heard.links.at(-1)?.kind).toBe('lost');
  });

  test('a reset takes a new snapshot and goes on after it', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    server.seq = 90;
    server.stream.say('reset', { seq: 90 });
    await settle();
    expect(heard.snapshots).toEqual([false, true]);
    expect(server.stream.url).toBe('/api/v1/live?after=90');
  });

  test('an ended session is no broken line', async () => {
    const { heard } = listen();
    await settle();
    server.stream.onopen?.();
    server.signedIn = false;
    server.stream.onerror?.();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard.links.at(-1)).toEqual({ kind: 'signed_out' });
    expect(server.streams).toHaveLength(1);
  });

  test('the clock of the server is known from its words', async () => {
    const { connection } = listen();
    await settle();
    server.stream.onopen?.();
    server.stream.say('heartbeat', { seq: 0, now: '2026-03-01T03:05:00Z' });
    expect(connection.offsetMs).toBe(300_000);
  });
});

describe('the hub', () => {
  function tab(hub: FeedHub, id: string, canSound = false, answers = true) {
    const heard: ToTab[] = [];
    const say = (message: FromTab) =>
      hub.receive(id, message, (down) => {
        heard.push(down);
        if (down.type === 'ping' && answers) say({ type: 'pong' });
      });
    say({ type: 'hello', canSound });
    const speaks = () => {
      const last = heard.filter((message) => message.type === 'speaker').at(-1);
      return last?.type === 'speaker' && last.you;
    };
    return { heard, say, speaks };
  }

  test('six tabs share one line, and a late one gets the state as it is', async () => {
    const hub = new FeedHub();
    const tabs = ['a', 'b', 'c', 'd', 'e'].map((id) => tab(hub, id));
    await settle();
    server.stream.onopen?.();
    server.stream.say('change', server.change(7));
    await vi.advanceTimersByTimeAsync(600);
    const late = tab(hub, 'f');
    expect(server.streams).toHaveLength(1);
    expect(server.snapshots).toBe(1);
    for (const { heard } of tabs) expect(heard.some((message) => message.type === 'changes')).toBe(true);
    const snapshot = late.heard.find((message) => message.type === 'snapshot');
    expect(snapshot?.type === 'snapshot' && snapshot.snapshot.incidents.map((held) => held.id)).toEqual([7]);
    hub.stop();
  });

  test('one tab sounds; when it goes another one that can takes over', async () => {
    const hub = new FeedHub();
    const [silent, first, second] = [tab(hub, 'a'), tab(hub, 'b', true), tab(hub, 'c', true)];
    expect([silent.speaks(), first.speaks(), second.speaks()]).toEqual([false, true, false]);
    first.say({ type: 'bye' });
    expect(second.speaks()).toBe(true);
    second.say({ type: 'sound', canSound: false });
    expect(second.speaks()).toBe(false);
    hub.stop();
  });

  test('what is silenced in one tab is silent in each', () => {
    const hub = new FeedHub();
    const tabs = [tab(hub, 'sounds', true), tab(hub, 'worked in')];
    tabs[1]?.say({ type: 'silence', ids: [7] });
    for (const { heard } of tabs) expect(heard.at(-1)).toEqual({ type: 'silence', ids: [7] });
    hub.stop();
  });

  test('a crashed tab does not keep the room silent', async () => {
    const hub = new FeedHub();
    tab(hub, 'crashed', true, false);
    const alive = tab(hub, 'alive', true);
    expect(alive.speaks()).toBe(false);
    await vi.advanceTimersByTimeAsync(20_001);
    expect(alive.speaks()).toBe(true);
    hub.stop();
  });
});

describe('a tab', () => {
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
});

test('urgent is what is new, new again or graver, and grave', () => {
  const state = fromSnapshot({
    seq: 1,
    now: '',
    incidents: [incident({ id: 1 }), incident({ id: 2, state: 'acknowledged' })],
    alarms: [],
  });
  const urgent = (over: Parameters<typeof incident>[0]) => {
    const document = incident(over);
    return isUrgent({ seq: 2, at: '', kind: 'incident', id: document.id, version: 2, document }, state);
  };
  expect(urgent({ id: 3 })).toBe(true);
  expect(urgent({ id: 3, priority: 4 })).toBe(false);
  expect(urgent({ id: 1, alarm_count: 2 })).toBe(false);
  expect(urgent({ id: 1, priority: 1 })).toBe(true);
  expect(urgent({ id: 2 })).toBe(true);
  expect(urgent({ id: 1, state: 'acknowledged', priority: 1 })).toBe(false);
});

test('the feed is shared as far as the browser can', () => {
  expect(feedKind({ SharedWorker: {}, BroadcastChannel: {}, navigator: { locks: {} } })).toBe(
    'shared-worker',
  );
  expect(feedKind({ BroadcastChannel: {}, navigator: { locks: {} } })).toBe('leader');
  expect(feedKind({ BroadcastChannel: {}, navigator: {} })).toBe('own');
});
