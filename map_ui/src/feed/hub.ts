/**
 * One feed for all tabs of a browser. A dispatcher with six tabs must not take six of the server's connections (nor
 * run into the browser's limit of six per host). Also decides which tab sounds the alarms.
 */
import { applyChanges, EMPTY_STATE, fromSnapshot, type LiveState } from '../model/live-state.ts';
import type { Change } from '../model/documents.ts';
import { FeedConnection } from './connection.ts';
import { isUnacknowledged } from '../model/queue.ts';
import type { FromTab, Link, ToTab } from './protocol.ts';

/** Below that an incident may wait half a second. */
const URGENT_TO = 3;

/** Timers of hidden tabs are slowed to one a minute, messages are not: so the hub asks and the tab answers. */
const PING_MS = 5000;
const MISSED_PINGS = 3;

interface Tab {
  send(message: ToTab): void;
  canSound: boolean;
  missed: number;
}

export class FeedHub {
  readonly #tabs = new Map<string, Tab>();
  readonly #connection: FeedConnection;
  #state: LiveState = EMPTY_STATE;
  #ready = false;
  #speaker: string | null = null;
  readonly #pings: ReturnType<typeof setInterval>;

  /** `ended` is called when it is of no use any more: it was stopped, or its session is over. */
  constructor(private readonly ended: () => void = () => {}) {
    const events = {
      snapshot: (snapshot: Parameters<typeof fromSnapshot>[0], again: boolean) => {
        this.#state = fromSnapshot(snapshot);
        this.#ready = true;
        this.#sendAll({ type: 'snapshot', snapshot, again });
      },
      changes: (changes: Parameters<typeof applyChanges>[1]) => {
        this.#state = applyChanges(this.#state, changes).state;
        this.#sendAll({ type: 'changes', changes: [...changes] });
      },
      link: (link: Link) => {
        this.#sendAll(this.#linkMessage());
        // Left running, it would tell whoever signs in next in this browser that the session is over.
        if (link.kind === 'signed_out' || link.kind === 'not_permitted') this.stop();
      },
      urgent: (change: Change) => isUrgent(change, this.#state),
      back: (since: number, at: number) => this.#sendAll({ type: 'back', since, at }),
    };
    this.#connection = new FeedConnection(events);
    this.#connection.start();
    this.#pings = setInterval(() => this.#ping(), PING_MS);
  }

  /** A message of a tab; the first makes it known. `send` reaches that tab. */
  receive(id: string, message: FromTab, send: (message: ToTab) => void): void {
    const tab = this.#tabs.get(id);
    if (tab) tab.missed = 0;
    else if (!['hello', 'bye', 'stop'].includes(message.type)) send({ type: 'hub' });
    switch (message.type) {
      case 'hello':
        this.#tabs.set(id, { send, canSound: message.canSound, missed: 0 });
        send(this.#linkMessage());
        if (this.#ready) send({ type: 'snapshot', snapshot: this.#asSnapshot(), again: false });
        this.#chooseSpeaker();
        break;
      case 'sound':
        if (tab) tab.canSound = message.canSound;
        this.#chooseSpeaker();
        break;
      case 'silence':
        this.#sendAll(message);
        break;
      case 'bye':
        this.#tabs.delete(id);
        this.#chooseSpeaker();
        break;
      case 'retry':
        this.#connection.retryNow();
        break;
      case 'stop':
        this.stop();
        break;
      case 'pong':
        break;
    }
  }

  stop(): void {
    clearInterval(this.#pings);
    this.#connection.stop();
    this.ended();
  }

  #linkMessage(): ToTab {
    return { type: 'link', link: this.#connection.link, offsetMs: this.#connection.offsetMs };
  }

  #asSnapshot() {
    return {
      seq: this.#state.seq,
      now: new Date(Date.now() + this.#connection.offsetMs).toISOString(),
      incidents: [...this.#state.incidents.values()],
      alarms: [...this.#state.alarms.values()],
    };
  }

  #sendAll(message: ToTab): void {
    for (const tab of this.#tabs.values()) tab.send(message);
  }

  /** Keeps the tab that sounds while it lives: the sound should not wander about the room. */
  #chooseSpeaker(): void {
    const held = this.#speaker === null ? undefined : this.#tabs.get(this.#speaker);
    if (!held?.canSound) {
      this.#speaker = [...this.#tabs].find(([, tab]) => tab.canSound)?.[0] ?? null;
    }
    for (const [id, tab] of this.#tabs) {
      tab.send({ type: 'speaker', you: id === this.#speaker, anyone: this.#speaker !== null });
    }
  }

  /** A tab that crashed says no goodbye; left in place it would keep the room silent. */
  #ping(): void {
    let dropped = false;
    for (const [id, tab] of this.#tabs) {
      if (tab.missed >= MISSED_PINGS) {
        this.#tabs.delete(id);
        dropped = true;
        continue;
      }
      tab.missed += 1;
      tab.send({ type: 'ping' });
    }
    if (dropped) this.#chooseSpeaker();
  }
}

/** New and unacknowledged, or new again, or graver than it was. */
export function isUrgent(change: Change, state: LiveState): boolean {
  if (change.kind !== 'incident' || 'gone' in change) return false;
  const { document } = change;
  if (!isUnacknowledged(document) || document.priority > URGENT_TO) return false;
  const held = state.incidents.get(change.id);
  return held === undefined || !isUnacknowledged(held) || held.priority > document.priority;
}
