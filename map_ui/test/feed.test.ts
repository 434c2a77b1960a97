import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { feedKind, openFeed } from '../src/feed/client.ts';
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
  /** The line takes what is sent, and brings nothing back. */
  hangs = false;
  /** Whether this reader's grants open incidents; a proxy may refuse all the same. */
  permitted = true;
  refuses = false;
  snapshots = 0;
  readonly streams: FakeStream[] = [];

  get stream(): FakeStream {
    const last = this.streams.at(-1);
    if (!last) throw new Error('nobody listens');
    return last;
  }

  fetch = async (path: string, { signal }: { signal?: AbortSignal } = {}): Promise<Response> => {
    if (!this.up) throw new TypeError('failed to fetch');
    if (this.hangs) {
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    }
    if (!this.signedIn) return new Response('{}', { status: 401 });
    if (path.endsWith('/session')) {
      return Response.json({ grants: [{}], may: { 'incident.read': this.permitted } });
    }
    if (this.refuses || !this.permitted) return new Response('{}', { status: 403 });
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

  /** Each stream of the server begins with a heartbeat. */
  opens(): void {
    this.onopen?.();
    this.say('heartbeat', { seq: 0, now: new Date().toISOString() });
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
    backs: [] as { since: number; at: number }[],
  };
  const connection = new FeedConnection({
    link: (link) => heard.links.push(link),
    changes: (changes) => heard.changes.push(changes),
    snapshot: (_snapshot, again) => heard.snapshots.push(again),
    back: (since, at) => heard.backs.push({ since, at }),
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
    server.stream.opens();
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
    server.stream.opens();
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
    server.stream.opens();
    server.stream.say('change', server.change());
    server.stream.onerror?.();
    expect(heard.links.at(-1)).toEqual({ kind: 'lost', since: Date.now() });
    server.up = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.streams).toHaveLength(1);
    server.up = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.stream.url).toBe('/api/v1/live?after=1');
    server.stream.opens();
    expect(heard.links.map((link) => link.kind)).toEqual(['live', 'lost', 'live']);
    expect(heard.backs).toHaveLength(1);
    expect(server.snapshots).toBe(1);
  });

  test('silence is a broken line too: no heartbeat for 12 s', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
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
    server.stream.opens();
    server.seq = 90;
    server.stream.say('reset', { seq: 90 });
    await settle();
    expect(heard.snapshots).toEqual([false, true]);
    expect(server.stream.url).toBe('/api/v1/live?after=90');
  });

  test('an ended session is no broken line', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
    server.signedIn = false;
    server.stream.onerror?.();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard.links.at(-1)).toEqual({ kind: 'signed_out' });
    expect(server.streams).toHaveLength(1);
  });

  test('the clock of the server is known from its words, and told when it moved', async () => {
    const { connection, heard } = listen();
    await settle();
    server.stream.opens();
    server.stream.say('heartbeat', { seq: 0, now: '2026-03-01T03:00:00.900Z' });
    expect(heard.links).toHaveLength(1);
    server.stream.say('heartbeat', { seq: 0, now: '2026-03-01T03:05:00Z' });
    expect(connection.offsetMs).toBe(300_000);
    expect(heard.links).toEqual([{ kind: 'live' }, { kind: 'live' }]);
  });

  test('a clock that is set back an hour holds nothing back', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
    server.stream.say('change', server.change(1));
    await vi.advanceTimersByTimeAsync(1);
    vi.setSystemTime(Date.now() - 3_600_000);
    server.stream.say('change', server.change(URGENT));
    await vi.advanceTimersByTimeAsync(100);
    expect(heard.changes).toHaveLength(2);
  });

  test('what happened while it was away ends at the time of the server, whatever became of the clock here', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
    const broke = Date.now();
    server.stream.onerror?.();
    await vi.advanceTimersByTimeAsync(1000);
    vi.setSystemTime(broke - 3_600_000);
    server.stream.onopen?.();
    expect(heard.links.at(-1)?.kind).toBe('lost');
    server.stream.say('heartbeat', { seq: 0, now: '2026-03-01T03:00:10Z' });
    expect(heard.links.at(-1)).toEqual({ kind: 'live' });
    expect(heard.backs).toEqual([{ since: broke, at: Date.parse('2026-03-01T03:00:10Z') }]);
  });

  test('a stream that never answers is tried again, and at once when the network is back', async () => {
    const { connection, heard } = listen();
    await settle();
    server.stream.opens();
    server.stream.onerror?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.streams).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(14_000);
    expect(server.streams).toHaveLength(3);
    connection.retryNow();
    await settle();
    expect(server.streams).toHaveLength(4);
    server.stream.opens();
    expect(heard.links.map((link) => link.kind)).toEqual(['live', 'lost', 'live']);
    expect(server.streams.map((stream) => stream.closed)).toEqual([true, true, true, false]);
  });

  test('a new snapshot that never comes is a broken line, and asked for again', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
    server.hangs = true;
    server.stream.say('reset', { seq: 90 });
    await vi.advanceTimersByTimeAsync(12_001);
    expect(heard.links.at(-1)?.kind).toBe('lost');
    server.hangs = false;
    server.seq = 90;
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.stream.url).toBe('/api/v1/live?after=90');
    expect(heard.snapshots).toEqual([false, true]);
    server.stream.opens();
    expect(heard.links.at(-1)?.kind).toBe('live');
    expect(heard.backs).toHaveLength(1);
  });

  test('a large snapshot may come slowly, as long as it comes', async () => {
    const text = JSON.stringify({ seq: 7, now: new Date().toISOString(), incidents: [], alarms: [] });
    const slow = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const letter of text) {
          await new Promise((resolve) => setTimeout(resolve, 1000));
          controller.enqueue(new TextEncoder().encode(letter));
        }
        controller.close();
      },
    });
    vi.stubGlobal('fetch', async () => new Response(slow));
    const { heard } = listen();
    await vi.advanceTimersByTimeAsync(text.length * 1000);
    expect(heard.links.some((link) => link.kind === 'lost')).toBe(false);
    expect(server.stream.url).toBe('/api/v1/live?after=7');
  });

  test('the network comes back in the middle of a try: one stream, and none is left over', async () => {
    const { connection } = listen();
    await settle();
    server.stream.opens();
    server.stream.onerror?.();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    vi.stubGlobal('fetch', async (path: string) => {
      await answered;
      return server.fetch(path);
    });
    await vi.advanceTimersByTimeAsync(1000);
    connection.retryNow();
    connection.retryNow();
    answer();
    await settle();
    server.stream.opens();
    expect(server.streams).toHaveLength(2);
    connection.stop();
    expect(server.streams.filter((stream) => !stream.closed)).toHaveLength(0);
  });

  test('a right that was withdrawn is no broken line; a proxy that refuses is one', async () => {
    const { heard } = listen();
    await settle();
    server.stream.opens();
    server.refuses = true;
    server.stream.say('reset', { seq: 1 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(heard.links.at(-1)?.kind).toBe('lost');
    server.permitted = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heard.links.at(-1)).toEqual({ kind: 'not_permitted' });
    const asked = vi.fn(server.fetch);
    vi.stubGlobal('fetch', asked);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).not.toHaveBeenCalled();
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
    server.stream.opens();
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

  test('a tab that was frozen so long that it was given up is told so, and gets the state as it is', async () => {
    const hub = new FeedHub();
    const frozen = tab(hub, 'frozen', false, false);
    await settle();
    server.stream.opens();
    await vi.advanceTimersByTimeAsync(20_001);
    server.stream.say('change', server.change(7));
    await vi.advanceTimersByTimeAsync(600);
    expect(frozen.heard.some((message) => message.type === 'changes')).toBe(false);
    frozen.say({ type: 'pong' });
    expect(frozen.heard.at(-1)).toEqual({ type: 'hub' });
    frozen.say({ type: 'hello', canSound: false });
    const snapshot = frozen.heard.filter((message) => message.type === 'snapshot').at(-1);
    expect(snapshot?.type === 'snapshot' && snapshot.snapshot.incidents.map((held) => held.id)).toEqual([7]);
    frozen.say({ type: 'pong' });
    expect(frozen.heard.filter((message) => message.type === 'hub')).toHaveLength(1);
    hub.stop();
  });

  test('a hub whose session is over tells its tabs, and then ends', async () => {
    const ended = vi.fn();
    const hub = new FeedHub(ended);
    const one = tab(hub, 'a');
    await settle();
    server.stream.opens();
    server.signedIn = false;
    ended.mockImplementation(() => {
      expect(one.heard.at(-1)).toMatchObject({ type: 'link', link: { kind: 'signed_out' } });
    });
    server.stream.say('reset', { seq: 1 });
    await settle();
    expect(ended).toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
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

describe("a tab's end of the shared worker", () => {
  /** A hub's process: says what it is made to say to the tab that opened it last. */
  class FakePort {
    onmessage: ((event: { data: ToTab }) => void) | null = null;
    closed = false;
    readonly sent: FromTab[] = [];
    postMessage = (message: FromTab) => this.sent.push(message);
    close = () => {
      this.closed = true;
    };
    say = (data: ToTab) => this.onmessage?.({ data });
  }
  let ports: FakePort[];
  let heard: ToTab[];

  beforeEach(() => {
    ports = [];
    heard = [];
    vi.stubGlobal('window', { addEventListener: () => {}, removeEventListener: () => {} });
    vi.stubGlobal(
      'SharedWorker',
      class {
        readonly port = new FakePort();
        constructor() {
          ports.push(this.port);
        }
      },
    );
  });

  const open = () => openFeed('li', (message) => heard.push(message), 'shared-worker');

  test('a worker that died is said, and another one asked', async () => {
    const feed = open();
    ports[0]?.say({ type: 'link', link: { kind: 'live' }, offsetMs: 250 });
    const silentSince = Date.now();
    await vi.advanceTimersByTimeAsync(18_000);
    expect(heard).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(6000);
    expect(heard.slice(1)).toEqual([
      { type: 'link', link: { kind: 'lost', since: silentSince }, offsetMs: 250 },
      { type: 'hub' },
    ]);
    expect(ports.map((port) => port.closed)).toEqual([true, false]);
    feed.send({ type: 'hello', canSound: false });
    expect(ports[1]?.sent).toEqual([{ type: 'hello', canSound: false }]);
    ports[1]?.say({ type: 'ping' });
    await vi.advanceTimersByTimeAsync(18_000);
    expect(ports).toHaveLength(2);
    feed.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a tab that was frozen reads first what waits for it', async () => {
    const feed = open();
    await vi.advanceTimersByTimeAsync(20_000);
    ports[0]?.say({ type: 'ping' });
    await vi.advanceTimersByTimeAsync(18_000);
    expect(ports).toHaveLength(1);
    feed.close();
  });
});

test('without shared workers, the end of the session reaches the other tabs too', async () => {
  const channels = new Set<FakeChannel>();
  class FakeChannel {
    onmessage: ((event: { data: unknown }) => void) | null = null;
    #open = true;
    constructor() {
      channels.add(this);
    }
    postMessage(data: unknown): void {
      if (!this.#open) throw new DOMException('the channel is closed', 'InvalidStateError');
      for (const other of channels) if (other !== this) other.onmessage?.({ data });
    }
    close(): void {
      this.#open = false;
      channels.delete(this);
    }
  }
  let led = false;
  vi.stubGlobal('window', { addEventListener: () => {}, removeEventListener: () => {} });
  vi.stubGlobal('BroadcastChannel', FakeChannel);
  vi.stubGlobal('navigator', {
    locks: {
      request: async (_name: string, _options: unknown, lead: () => Promise<void>) => {
        if (led) return;
        led = true;
        await lead();
      },
    },
  });
  const links: string[][] = [[], []];
  const feeds = links.map((mine) => {
    const feed = openFeed(
      'li',
      (message) => {
        if (message.type !== 'link') return;
        mine.push(message.link.kind);
        if (message.link.kind === 'signed_out') feed.close();
      },
      'leader',
    );
    feed.send({ type: 'hello', canSound: false });
    return feed;
  });
  await settle();
  server.stream.opens();
  server.signedIn = false;
  server.stream.say('reset', { seq: 1 });
  await settle();
  expect(links.map((mine) => mine.at(-1))).toEqual(['signed_out', 'signed_out']);
  expect(feeds).toHaveLength(2);
});
