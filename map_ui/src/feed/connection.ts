/**
 * The one line to the server: a snapshot, then the changes after it, resumed by number for as long as it is wanted.
 *
 * What arrives is handed on at most twice a second, the first at once; what rings for somebody at most ten times. So a
 * grave alarm is never kept waiting, and a storm of repeats costs each tab two batches a second.
 */
import type { Change, Snapshot } from '../model/documents.ts';
import { coalesce } from '../model/live-state.ts';
import type { Link } from './protocol.ts';

const BATCH_MS = 500;
const URGENT_MS = 100;
/** Heartbeats come every 5 s: two missed ones are a broken line, even if TCP has not noticed. */
const SILENCE_MS = 12_000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export interface FeedEvents {
  snapshot(snapshot: Snapshot, again: boolean): void;
  changes(changes: Change[]): void;
  link(link: Link): void;
  back(since: number, at: number): void;
  /** Whether somebody must see this at once. */
  urgent(change: Change): boolean;
}

export class FeedConnection {
  #source: EventSource | null = null;
  #seq: number | null = null;
  #buffer: Change[] = [];
  #lastFlush = 0;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #flushAt = Number.POSITIVE_INFINITY;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #lastHeard = Date.now();
  #link: Link = { kind: 'connecting' };
  #stopped = false;
  /** Server clock minus this computer's, ms. */
  offsetMs = 0;

  constructor(
    private readonly events: FeedEvents,
    private readonly base = '/api/v1/live',
  ) {}

  get link(): Link {
    return this.#link;
  }

  start(): void {
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#close();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#flushTimer);
  }

  /** Do not wait for the next try: the network came back, or a person asked. */
  retryNow(): void {
    if (this.#stopped || this.#link.kind !== 'lost' || this.#source !== null) return;
    clearTimeout(this.#retryTimer);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    if (this.#seq === null) {
      try {
        if (!(await this.#takeSnapshot(false))) return;
      } catch (problem) {
        this.#lost(problem);
        return;
      }
    }
    if (!this.#stopped) this.#listen();
  }

  /** False when nobody is signed in any more. */
  async #takeSnapshot(again: boolean): Promise<boolean> {
    const response = await fetch(`${this.base}/snapshot`, { credentials: 'same-origin' });
    if (response.status === 401) {
      this.#say({ kind: 'signed_out' });
      this.stop();
      return false;
    }
    if (!response.ok) throw new Error(`snapshot: HTTP ${response.status}`);
    const snapshot = (await response.json()) as Snapshot;
    this.#heard(snapshot.now);
    this.#seq = snapshot.seq;
    this.#buffer = [];
    this.events.snapshot(snapshot, again);
    return true;
  }

  #listen(): void {
    const source = new EventSource(`${this.base}?after=${this.#seq}`, { withCredentials: true });
    this.#source = source;
    source.onopen = () => {
      const before = this.#link;
      this.#failures = 0;
      this.#heard();
      if (before.kind === 'lost') this.events.back(before.since, Date.now() + this.offsetMs);
      this.#say({ kind: 'live' });
    };
    source.onerror = () => this.#lost('the stream broke off');
    source.addEventListener('change', (event) => this.#take(JSON.parse(event.data) as Change));
    source.addEventListener('gone', (event) => {
      this.#take({
        ...(JSON.parse(event.data) as { seq: number; kind: 'incident'; id: number }),
        gone: true,
      });
    });
    source.addEventListener('heartbeat', (event) => {
      this.#heard((JSON.parse(event.data) as { now: string }).now);
    });
    source.addEventListener('reset', () => {
      this.#close();
      this.#takeSnapshot(true).then(
        (signedIn) => signedIn && !this.#stopped && this.#listen(),
        (problem: unknown) => {
          this.#seq = null;
          this.#lost(problem);
        },
      );
    });
  }

  #take(change: Change): void {
    this.#heard();
    this.#seq = change.seq;
    this.#buffer.push(change);
    const pace = this.events.urgent(change) ? URGENT_MS : BATCH_MS;
    const due = Math.max(Date.now(), this.#lastFlush + pace);
    if (due >= this.#flushAt) return;
    clearTimeout(this.#flushTimer);
    this.#flushAt = due;
    this.#flushTimer = setTimeout(() => this.#flush(), due - Date.now());
  }

  #flush(): void {
    this.#flushAt = Number.POSITIVE_INFINITY;
    this.#lastFlush = Date.now();
    const changes = coalesce(this.#buffer);
    this.#buffer = [];
    if (changes.length > 0) this.events.changes(changes);
  }

  #heard(serverNow?: string): void {
    this.#lastHeard = Date.now();
    if (serverNow !== undefined) this.offsetMs = Date.parse(serverNow) - this.#lastHeard;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost('no heartbeat'), SILENCE_MS);
  }

  #lost(_why: unknown): void {
    if (this.#stopped) return;
    this.#close();
    if (this.#link.kind !== 'lost') this.#say({ kind: 'lost', since: this.#lastHeard });
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 8000;
    this.#failures += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.#retry(), wait * (0.8 + Math.random() * 0.4));
  }

  /** An EventSource does not say why it failed; an ended session must not look like a broken line. */
  async #retry(): Promise<void> {
    try {
      const response = await fetch('/api/v1/session', { credentials: 'same-origin' });
      if (response.status === 401) {
        this.#say({ kind: 'signed_out' });
        this.stop();
        return;
      }
    } catch (problem) {
      this.#lost(problem);
      return;
    }
    await this.#connect();
  }

  #say(link: Link): void {
    this.#link = link;
    this.events.link(link);
  }

  #close(): void {
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }
}
