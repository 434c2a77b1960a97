/** The line to the server: what is heard over it, how it breaks, and how it comes back. */
import { expect, test, vi } from 'vitest';
import { FeedConnection } from '../src/feed/connection.ts';
import type { Link } from '../src/feed/protocol.ts';
import type { Change } from '../src/model/documents.ts';
import { server, settle, useFakeServer } from './fake-server.ts';

/** The incident that these tests take to be one that somebody must see at once. */
const URGENT = 99;

useFakeServer();

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
