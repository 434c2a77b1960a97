/** How a tab comes to its hub: a shared worker, the tab that leads, or one of its own. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { feedKind, openFeed } from '../src/feed/client.ts';
import type { FromTab, ToTab } from '../src/feed/protocol.ts';
import { server, settle, useFakeServer } from './fake-server.ts';

vi.mock('../src/feed/shared-worker.ts?sharedworker&url', () => ({ default: '' }));

useFakeServer();

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
