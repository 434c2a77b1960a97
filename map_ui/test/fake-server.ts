/** The server that the feed is tested against: its snapshots, its stream of changes, and a clock that tests move. */
import { afterEach, beforeEach, vi } from 'vitest';
import type { Change } from '../src/model/documents.ts';
import { incident } from './documents.ts';

/** A server to be listened to: answers snapshots, and speaks through its last stream. */
export class FakeServer {
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

/** This test's server. */
export let server: FakeServer;

/** Gives each test of the file a server and a clock of its own. */
export function useFakeServer(): void {
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
}

/** Lets what is under way come to its end, without a moment passing. */
export const settle = () => vi.advanceTimersByTimeAsync(0);
