/**
 * What is open, and how a change alters it. Pure: the same code runs in the shared worker and in each tab.
 *
 * One property must hold and is tested: snapshot + changes == a fresh snapshot, in any batching.
 */
import type { Alarm, Change, Incident, Snapshot } from './documents.ts';

export interface LiveState {
  readonly seq: number;
  readonly incidents: ReadonlyMap<number, Incident>;
  readonly alarms: ReadonlyMap<number, Alarm>;
}

/** What became of one kind of thing: whole documents, so that the map and the queue need not look elsewhere. */
export interface KindDiff<T> {
  readonly added: readonly T[];
  readonly updated: readonly T[];
  readonly removed: readonly number[];
  /** Closed things that were not held, of which something was said: a note on a closed case. */
  readonly closed: readonly number[];
}

export interface Diff {
  readonly incidents: KindDiff<Incident>;
  readonly alarms: KindDiff<Alarm>;
  /** Devices that said something; they are no part of the state, but an open detail wants to know. */
  readonly devices: readonly number[];
}

export const EMPTY_STATE: LiveState = { seq: 0, incidents: new Map(), alarms: new Map() };

export function fromSnapshot(snapshot: Snapshot): LiveState {
  return {
    seq: snapshot.seq,
    incidents: new Map(snapshot.incidents.map((incident) => [incident.id, incident])),
    alarms: new Map(snapshot.alarms.map((alarm) => [alarm.id, alarm])),
  };
}

/** Applies one change; see `applyChanges`. */
export function applyChange(state: LiveState, change: Change): { state: LiveState; diff: Diff } {
  return applyChanges(state, [change]);
}

/**
 * Applies changes in the order of their numbers. A number that was already applied is skipped (a resumed stream may
 * repeat), and a document older than the one that is held never overwrites it.
 */
export function applyChanges(state: LiveState, changes: readonly Change[]): { state: LiveState; diff: Diff } {
  let seq = state.seq;
  const incidents = new Touched(state.incidents);
  const alarms = new Touched(state.alarms);
  const devices = new Set<number>();
  for (const change of changes) {
    if (change.seq <= seq) continue;
    seq = change.seq;
    if (change.kind === 'device') {
      devices.add(change.id);
    } else if ('gone' in change) {
      (change.kind === 'incident' ? incidents : alarms).drop(change.id);
    } else if (change.kind === 'incident') {
      incidents.put(change.document);
    } else {
      alarms.put(change.document);
    }
  }
  return {
    state: { seq, incidents: incidents.after, alarms: alarms.after },
    diff: { incidents: incidents.diff(), alarms: alarms.diff(), devices: [...devices] },
  };
}

interface Versioned {
  id: number;
  version: number;
  closed_at: string | null;
}

/** A map while it is changed: copied at the first change, and compared only where it was touched. */
class Touched<T extends Versioned> {
  readonly #ids = new Set<number>();
  readonly #closed = new Set<number>();
  #copy: Map<number, T> | null = null;

  constructor(private readonly before: ReadonlyMap<number, T>) {}

  get after(): ReadonlyMap<number, T> {
    return this.#copy ?? this.before;
  }

  put(document: T): void {
    const held = this.after.get(document.id);
    if (held && held.version > document.version) return;
    if (document.closed_at === null) this.#open(document.id).set(document.id, document);
    else if (held) this.drop(document.id);
    else this.#closed.add(document.id);
  }

  drop(id: number): void {
    if (this.after.has(id)) this.#open(id).delete(id);
  }

  diff(): KindDiff<T> {
    return { ...diffIds(this.#ids, this.before, this.after), closed: [...this.#closed] };
  }

  #open(id: number): Map<number, T> {
    this.#ids.add(id);
    this.#copy ??= new Map(this.before);
    return this.#copy;
  }
}

/** What leads from one state to another: after a new snapshot the map and the queue change only where they must. */
export function diffStates(before: LiveState, after: LiveState): Diff {
  return {
    incidents: diffKind(before.incidents, after.incidents),
    alarms: diffKind(before.alarms, after.alarms),
    devices: [],
  };
}

function diffKind<T extends Versioned>(
  before: ReadonlyMap<number, T>,
  after: ReadonlyMap<number, T>,
): KindDiff<T> {
  return { ...diffIds(new Set([...before.keys(), ...after.keys()]), before, after), closed: [] };
}

function diffIds<T extends Versioned>(
  ids: Iterable<number>,
  before: ReadonlyMap<number, T>,
  after: ReadonlyMap<number, T>,
): Omit<KindDiff<T>, 'closed'> {
  const added: T[] = [];
  const updated: T[] = [];
  const removed: number[] = [];
  for (const id of ids) {
    const held = before.get(id);
    const document = after.get(id);
    if (document === undefined) {
      if (held !== undefined) removed.push(id);
    } else if (held === undefined) added.push(document);
    else if (held !== document && held.version !== document.version) updated.push(document);
  }
  return { added, updated, removed };
}

/**
 * The same end with fewer documents: of several changes of one thing only the last is kept. For a tab that gets a
 * burst at once; the numbers stay in order.
 */
export function coalesce(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.kind}:${change.id}`;
    const before = last.get(key);
    // An older document behind a newer one says nothing; `applyChanges` would pass over it too.
    if (before && !('gone' in before) && !('gone' in change) && before.version > change.version) continue;
    last.delete(key);
    last.set(key, change);
  }
  return [...last.values()];
}
