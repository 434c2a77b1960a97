/** A tab's end of the feed: shared worker, else a leader among the tabs, else a line of its own. */
import { FeedHub } from './hub.ts';
import type { FromTab, ToTab } from './protocol.ts';
import workerUrl from './shared-worker.ts?sharedworker&url';

export interface Feed {
  send(message: FromTab): void;
  close(): void;
}

export type FeedKind = 'shared-worker' | 'leader' | 'own';

/** What a page's global scope may or may not have: an old phone lacks the first, plain HTTP the second. */
interface Abilities {
  SharedWorker?: unknown;
  BroadcastChannel?: unknown;
  navigator?: { locks?: unknown };
}

export function feedKind(scope: Abilities = globalThis as Abilities): FeedKind {
  if (scope.SharedWorker) return 'shared-worker';
  if (scope.navigator?.locks && scope.BroadcastChannel) return 'leader';
  return 'own';
}

/** `key` names the reader (user and scope): another reader's hub must never answer. */
export function openFeed(key: string, receive: (message: ToTab) => void, kind = feedKind()): Feed {
  const opened = OPENERS[kind](key, receive);
  const bye = () => opened.send({ type: 'bye' });
  const online = () => opened.send({ type: 'retry' });
  window.addEventListener('pagehide', bye);
  window.addEventListener('online', online);
  return {
    send: opened.send,
    close: () => {
      window.removeEventListener('pagehide', bye);
      window.removeEventListener('online', online);
      opened.close();
    },
  };
}

/** A hub pings every 5 s, from a worker whose timers are not slowed: after this long its process is gone. */
const HUB_SILENCE_MS = 20_000;
const LOOK_MS = 2000;

type Opener = (key: string, receive: (message: ToTab) => void) => Feed;

const OPENERS: Record<FeedKind, Opener> = {
  'shared-worker': (key, receive) => {
    let port: MessagePort;
    let heardAt = 0;
    let doubted = false;
    let lostSince: number | null = null;
    let offsetMs = 0;
    const send = (message: FromTab) => port.postMessage(message);
    const connect = () => {
      port = new SharedWorker(workerUrl, { type: 'module', name: `lianfang-${key}` }).port;
      heardAt = performance.now();
      port.onmessage = ({ data }: MessageEvent<ToTab>) => {
        heardAt = performance.now();
        doubted = false;
        lostSince = null;
        if (data.type === 'link') offsetMs = data.offsetMs;
        receive(data);
      };
    };
    // A worker dies with the process that runs it, and no event says so: the screen would stay as it is, and "live".
    const look = () => {
      const silentMs = performance.now() - heardAt;
      if (silentMs < HUB_SILENCE_MS) return;
      if (!doubted) {
        doubted = true; // a tab that was frozen reads what waits for it before the next look
        return;
      }
      doubted = false;
      lostSince ??= Date.now() - silentMs;
      receive({ type: 'link', link: { kind: 'lost', since: lostSince }, offsetMs });
      send({ type: 'bye' });
      port.close();
      connect();
      receive({ type: 'hub' });
    };
    connect();
    const timer = setInterval(look, LOOK_MS);
    return {
      send,
      close: () => {
        clearInterval(timer);
        port.close();
      },
    };
  },

  /** The tab that holds the lock runs the hub and is heard by the others on a channel. */
  leader: (key, receive) => {
    const id = crypto.randomUUID();
    const channel = new BroadcastChannel(`lianfang-${key}`);
    let hub: FeedHub | null = null;
    let release: (() => void) | null = null;
    const waiting = new AbortController();
    type Wire = { from: string; up: FromTab } | { to: string; down: ToTab };
    const deliver = (wire: Wire) => {
      if ('up' in wire) {
        hub?.receive(wire.from, wire.up, (down) => {
          if (wire.from === id) receive(down);
          else channel.postMessage({ to: wire.from, down } satisfies Wire);
        });
      } else if (wire.to === id || wire.to === '*') receive(wire.down);
    };
    channel.onmessage = (event: MessageEvent<Wire>) => deliver(event.data);
    const lead = () => {
      hub = new FeedHub();
      channel.postMessage({ to: '*', down: { type: 'hub' } } satisfies Wire);
      receive({ type: 'hub' });
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    navigator.locks.request(`lianfang-${key}`, { signal: waiting.signal }, lead).catch((reason: unknown) => {
      if (!waiting.signal.aborted) throw reason;
    });
    return {
      send: (message) => {
        const wire: Wire = { from: id, up: message };
        if (hub) deliver(wire);
        else channel.postMessage(wire);
      },
      close: () => {
        hub?.stop();
        if (release) release();
        else waiting.abort();
        queueMicrotask(() => channel.close()); // what the hub is just saying to the others still goes out
      },
    };
  },

  own: (_key, receive) => {
    const hub = new FeedHub();
    return {
      send: (message) => hub.receive('own', message, receive),
      close: () => hub.stop(),
    };
  },
};
