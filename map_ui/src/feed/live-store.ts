/** What this tab knows of the feed: the state, the queue in order, how live it is, what came while it was not. */
import type { Incident } from '../model/documents.ts';
import {
  applyChanges,
  type Diff,
  diffStates,
  EMPTY_STATE,
  fromSnapshot,
  type LiveState,
} from '../model/live-state.ts';
import { Observable } from '../model/observable.ts';
import { isUnacknowledged, queueOrder, reorder } from '../model/queue.ts';
import type { Link, ToTab } from './protocol.ts';

export interface Batch {
  state: LiveState;
  diff: Diff;
  /** The first snapshot of this tab: everything is "added", and nothing of it is news. */
  first: boolean;
}

export interface Speaker {
  you: boolean;
  anyone: boolean;
}

export class LiveStore {
  readonly link = new Observable<Link>({ kind: 'connecting' });
  readonly batch = new Observable<Batch>({
    state: EMPTY_STATE,
    diff: diffStates(EMPTY_STATE, EMPTY_STATE),
    first: true,
  });
  readonly queue = new Observable<readonly Incident[]>([]);
  readonly ready = new Observable(false);
  /** Incidents that changed while the line was down, until somebody looks at them. */
  readonly meanwhile = new Observable<ReadonlySet<number>>(new Set());
  /** Set when the line came back, until it is dismissed. */
  readonly back = new Observable<{ since: number } | null>(null);
  readonly speaker = new Observable<Speaker>({ you: false, anyone: false });
  /** The newest incident ever seen here: an empty queue says when the last one was. */
  readonly lastOpenedAt = new Observable<string | null>(null);
  offsetMs = 0;
  #backAt = 0;
  #lostSince: number | null = null;
  /** The hub had given this tab up: changes may have passed it by. */
  #passedBy = false;

  get state(): LiveState {
    return this.batch.value.state;
  }

  /** The server's time, ms. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  /** Takes a message of the hub; returns what must be answered. */
  receive(message: ToTab): 'pong' | 'hello' | null {
    switch (message.type) {
      case 'snapshot':
        this.#replace(fromSnapshot(message.snapshot), message.again);
        return null;
      case 'changes': {
        const { state, diff } = applyChanges(this.state, message.changes);
        const missed = message.changes.filter(
          (change) => change.kind === 'incident' && Date.parse(change.at ?? '') <= this.#backAt,
        );
        this.#mark(missed.map((change) => change.id));
        this.#publish(state, diff, false);
        return null;
      }
      case 'link':
        // Another hub's first word; until it has the line, this tab is without one and keeps what it knows of the clock.
        if (message.link.kind === 'connecting' && this.ready.value) return null;
        this.offsetMs = message.offsetMs;
        if (message.link.kind === 'lost') {
          this.#lostSince ??= message.link.since;
          this.back.set(null);
        }
        // Of a line that was lost between the hub and this tab alone, the hub says no "back".
        if (message.link.kind === 'live' && this.#lostSince !== null) {
          this.back.set({ since: this.#lostSince });
          this.#lostSince = null;
        }
        this.link.set(message.link);
        return null;
      case 'back':
        this.#backAt = message.at;
        this.#lostSince = null;
        this.back.set({ since: message.since });
        return null;
      case 'speaker':
        this.speaker.set({ you: message.you, anyone: message.anyone });
        return null;
      case 'silence':
        // The bell's: what is silenced is as open as before.
        return null;
      case 'ping':
        return 'pong';
      case 'hub':
        this.#passedBy = this.ready.value;
        return 'hello';
    }
  }

  /** Somebody looked at it. */
  seen(id: number): void {
    if (!this.meanwhile.value.has(id)) return;
    const rest = new Set(this.meanwhile.value);
    rest.delete(id);
    this.meanwhile.set(rest);
  }

  dismissBack(): void {
    this.back.set(null);
    this.meanwhile.set(new Set());
  }

  #replace(state: LiveState, again: boolean): void {
    const first = !this.ready.value;
    const diff = diffStates(this.state, state);
    if (!first && (again || this.#passedBy || this.#lostSince !== null || this.back.value)) {
      const missed = [...diff.incidents.added, ...diff.incidents.updated].map((incident) => incident.id);
      this.#mark(missed);
      if (missed.length > 0 && this.link.value.kind === 'live' && !this.back.value) {
        this.back.set({ since: Date.now() });
      }
    }
    this.#passedBy = false;
    this.#publish(state, diff, first);
    this.ready.set(true);
  }

  #mark(ids: readonly number[]): void {
    if (ids.length > 0) this.meanwhile.set(new Set([...this.meanwhile.value, ...ids]));
  }

  #publish(state: LiveState, diff: Diff, first: boolean): void {
    for (const incident of diff.incidents.added) {
      if ((this.lastOpenedAt.value ?? '') < incident.opened_at) this.lastOpenedAt.set(incident.opened_at);
    }
    const { added, updated, removed } = diff.incidents;
    if (added.length + updated.length + removed.length > 0) {
      this.queue.set(
        first
          ? queueOrder(state.incidents.values())
          : reorder(this.queue.value, [...added, ...updated], removed),
      );
    }
    this.batch.set({ state, diff, first });
  }
}

/** What rings for somebody: newly there and unacknowledged, or new again because it became graver. */
export function newlyRinging(before: LiveState, batch: Batch): Incident[] {
  if (batch.first) return [];
  const { added, updated } = batch.diff.incidents;
  return [
    ...added.filter(isUnacknowledged),
    ...updated.filter((incident) => {
      const was = before.incidents.get(incident.id);
      return (
        isUnacknowledged(incident) &&
        was !== undefined &&
        (!isUnacknowledged(was) || was.priority > incident.priority)
      );
    }),
  ];
}
