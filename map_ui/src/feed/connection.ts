/**
 * The one line to the server: a snapshot, then the changes after it, resumed by number for as long as it is wanted.
 *
 * What arrives is handed on at most twice a second, the first at once; what rings for somebody at most ten times. So a
 * grave alarm is never kept waiting, and a storm of repeats costs each tab two batches a second.
 */
import type { Change, Session, Snapshot } from '../model/documents.ts';
import { mayWatch } from '../model/landing.ts';
import { coalesce } from '../model/live-state.ts';
import type { Link } from './protocol.ts';

const BATCH_MS = 500;
const URGENT_MS = 100;
/**
 * Heartbeats come every 5 s: two missed ones are a broken line, even if TCP has not noticed. What is asked has as long
 * for each next piece of its answer.
 */
const SILENCE_MS = 12_000;
/** From here on a clock that moved is told to the tabs: their ages and "late" marks hang on it. */
const CLOCK_MOVED_MS = 1000;
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
  /** The try that is under way. What an ended one still brings is not heeded. */
  #attempt = new AbortController();
  #seq: number | null = null;
  #hadSnapshot = false;
  #buffer: Change[] = [];
  // On the clock that nobody sets: with the time of day, one set back an hour would hold all back for an hour.
  #lastFlush = Number.NEGATIVE_INFINITY;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #flushAt = Number.POSITIVE_INFINITY;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #lastHeard = Date.now();
  /** Since when the line is away, until the server has spoken again. */
  #awaySince: number | null = null;
  #link: Link = { kind: 'connecting' };
  #stopped = false;
  /** Server clock minus this computer's, ms. */
  offsetMs = 0;
  #toldOffsetMs = 0;

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
    clearTimeout(this.#flushTimer);
  }

  /** Do not wait for the next try, nor for one that hangs: the network came back, or a person asked. */
  retryNow(): void {
    if (this.#link.kind === 'lost') void this.#connect();
  }

  async #connect(): Promise<void> {
    if (this.#stopped) return;
    this.#close();
    const { signal } = (this.#attempt = new AbortController());
    this.#watch();
    try {
      // An EventSource does not say why it failed: an ended session, or a right that was withdrawn, must not look like
      // a broken line.
      if (this.#link.kind === 'lost') await this.#checkSession(signal);
      if (this.#seq === null && !signal.aborted) await this.#takeSnapshot(signal);
      if (!signal.aborted) this.#listen();
    } catch (problem) {
      if (!signal.aborted) this.#lost(problem);
    }
  }

  async #checkSession(signal: AbortSignal): Promise<void> {
    const session = await this.#ask<Session>('/api/v1/session', signal);
    if (session && !signal.aborted && !mayWatch(session)) this.#end('not_permitted');
  }

  async #takeSnapshot(signal: AbortSignal): Promise<void> {
    const snapshot = await this.#ask<Snapshot>(`${this.base}/snapshot`, signal);
    if (!snapshot || signal.aborted) return;
    this.#heard(snapshot.now);
    this.#seq = snapshot.seq;
    this.#buffer = [];
    this.events.snapshot(snapshot, this.#hadSnapshot);
    this.#hadSnapshot = true;
  }

  /** Null when nobody is signed in any more: that was the end. */
  async #ask<T>(path: string, signal: AbortSignal): Promise<T | null> {
    const response = await fetch(path, { credentials: 'same-origin', signal });
    if (signal.aborted) return null;
    this.#watch();
    if (response.status === 401) {
      this.#end('signed_out');
      return null;
    }
    if (!response.ok || !response.body) throw new Error(`${path}: HTTP ${response.status}`);
    // A storm's snapshot over a thin line takes its time: it is lost only when no more of it comes.
    const pieces = new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece, onward) => {
        if (!signal.aborted) this.#watch();
        onward.enqueue(piece);
      },
    });
    return (await new Response(response.body.pipeThrough(pieces)).json()) as T;
  }

  #listen(): void {
    const source = new EventSource(`${this.base}?after=${this.#seq}`, { withCredentials: true });
    this.#source = source;
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
      if (this.#link.kind !== 'live') this.#spoke();
    });
    source.addEventListener('reset', () => {
      this.#seq = null;
      void this.#connect();
    });
  }

  /** The first word of the server, which each stream begins with: only now is it live, and its clock known. */
  #spoke(): void {
    this.#failures = 0;
    const since = this.#awaySince;
    this.#awaySince = null;
    if (since !== null) this.events.back(since, Date.now() + this.offsetMs);
    this.#say({ kind: 'live' });
  }

  #take(change: Change): void {
    this.#heard();
    this.#seq = change.seq;
    this.#buffer.push(change);
    const pace = this.events.urgent(change) ? URGENT_MS : BATCH_MS;
    const now = performance.now();
    const due = Math.max(now, this.#lastFlush + pace);
    if (due >= this.#flushAt) return;
    clearTimeout(this.#flushTimer);
    this.#flushAt = due;
    this.#flushTimer = setTimeout(() => this.#flush(), due - now);
  }

  #flush(): void {
    this.#flushAt = Number.POSITIVE_INFINITY;
    this.#lastFlush = performance.now();
    const changes = coalesce(this.#buffer);
    this.#buffer = [];
    if (changes.length > 0) this.events.changes(changes);
  }

  #heard(serverNow?: string): void {
    this.#watch();
    this.#lastHeard = Date.now();
    if (serverNow === undefined) return;
    this.offsetMs = Date.parse(serverNow) - this.#lastHeard;
    if (Math.abs(this.offsetMs - this.#toldOffsetMs) > CLOCK_MOVED_MS) this.#say(this.#link);
  }

  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost('silence'), SILENCE_MS);
  }

  #lost(_why: unknown): void {
    if (this.#stopped) return;
    this.#close();
    if (this.#link.kind !== 'lost') {
      this.#awaySince ??= this.#lastHeard;
      this.#say({ kind: 'lost', since: this.#lastHeard });
    }
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 8000;
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => void this.#connect(), wait * (0.8 + Math.random() * 0.4));
  }

  #end(kind: 'signed_out' | 'not_permitted'): void {
    this.stop();
    this.#say({ kind });
  }

  #say(link: Link): void {
    this.#link = link;
    this.#toldOffsetMs = this.offsetMs;
    this.events.link(link);
  }

  /** Ends the stream, the try for one and the wait for the next try. */
  #close(): void {
    this.#attempt.abort();
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retryTimer);
    this.#source?.close();
    this.#source = null;
  }
}
