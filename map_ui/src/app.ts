/** The running page: session, feed, selection, settings. Elements get it as a property and watch what they show. */
import { Answers } from './answers.ts';
import { allDivisions, currentSession, signOut } from './api/endpoints.ts';
import { type Feed, openFeed } from './feed/client.ts';
import { LiveStore, newlyRinging } from './feed/live-store.ts';
import { locale, suggestLocale } from './i18n/i18n.ts';
import type { Incident, Session } from './model/documents.ts';
import { Clock } from './model/format.ts';
import { EMPTY_STATE } from './model/live-state.ts';
import { Observable } from './model/observable.ts';
import { Places } from './model/places.ts';
import { newestUnacknowledged, queueOrder } from './model/queue.ts';
import { Bell } from './sound/bell.ts';
import { Player } from './sound/player.ts';
import { fieldHasFocus } from './typing.ts';

export type Tab = 'queue' | 'map' | 'case';
/** A form that is open inside the detail. */
export type Draft = 'dispatch' | 'notes' | 'close' | 'verify' | 'reopen' | null;

export class App {
  /** Undefined until the server has said whether somebody is signed in. */
  readonly session = new Observable<Session | null | undefined>(undefined);
  readonly expired = new Observable(false);
  readonly startProblem = new Observable<unknown>(null);
  readonly live = new LiveStore();
  readonly places = new Observable(new Places());
  readonly selected = new Observable<number | null>(null);
  /** The queue as it is shown, after the search. */
  readonly shown = new Observable<readonly Incident[]>([]);
  readonly answers = new Answers(() => this.checked.set(new Set()));
  readonly checked = new Observable<ReadonlySet<number>>(new Set());
  /** The division that the map shows; null: the whole area. */
  readonly focus = new Observable<string | null>(null);
  readonly tab = new Observable<Tab>('queue');
  readonly draft = new Observable<Draft>(null);
  readonly detailFolded = new Observable(false);
  readonly reporting = new Observable(false);
  /** A case is looked at meanwhile; the report waits behind it, as it was written so far. */
  readonly reportWaits = new Observable(false);
  /** Set while the next click on the map gives a place. */
  readonly picking = new Observable<((place: readonly [number, number]) => void) | null>(null);
  readonly follow = new Observable(false);
  /** What a screen reader should hear at once. */
  readonly announcement = new Observable<readonly Incident[]>([]);
  /** Ticks once a second, with the server's time in ms. */
  readonly now = new Observable(Date.now());
  readonly player = new Player();
  readonly ringing = new Observable(false);
  readonly #bell = new Bell();
  #feed: Feed | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Asks the map to come to a place; the map listens. */
  readonly zoomTo = new Observable<{ incident: number } | { division: string | null } | null>(null);

  async start(): Promise<void> {
    this.startProblem.set(null);
    try {
      const session = await currentSession();
      if (session) await this.enter(session);
      else this.session.set(null);
    } catch (problem) {
      this.startProblem.set(problem);
    }
  }

  /** Somebody is signed in: open the feed and read the names of places. */
  async enter(session: Session): Promise<void> {
    suggestLocale(session.user.locale);
    this.expired.set(false);
    this.session.set(session);
    if (!mayWatch(session)) return;
    this.#watchFeed();
    this.#feed = openFeed(`${session.user.id}-${session.tiles.scope}`, (message) => {
      const answer = this.live.receive(message);
      if (answer === 'pong') this.#feed?.send({ type: 'pong' });
      if (answer === 'hello') this.#hello();
    });
    this.#hello();
    this.#timer = setInterval(() => this.#tick(), 1000);
    try {
      this.places.set(new Places(await allDivisions()));
    } catch (problem) {
      this.startProblem.set(problem);
    }
  }

  /** Ends the session; every tab of this browser goes back to the sign-in page. */
  async leave(): Promise<void> {
    await signOut();
    this.#feed?.send({ type: 'stop' });
    new BroadcastChannel('lianfang-session').postMessage('out');
    location.reload();
  }

  /** From the first person that touched the page until the session ends. */
  async soundOn(): Promise<void> {
    await this.player.enable();
    this.#feed?.send({ type: 'sound', canSound: this.player.enabled.value });
  }

  async soundOff(): Promise<void> {
    await this.player.disable();
    this.#feed?.send({ type: 'sound', canSound: false });
  }

  silence(): void {
    this.#bell.silence(this.live.state.incidents.values());
    this.ringing.set(false);
  }

  get clock(): Clock {
    return new Clock(locale.value, this.session.value?.installation.time_zone ?? 'Asia/Shanghai');
  }

  may(right: string): boolean {
    return this.session.value?.may[right] !== false;
  }

  incident(id: number | null): Incident | undefined {
    return id === null ? undefined : this.live.state.incidents.get(id);
  }

  select(id: number | null): void {
    const before = this.selected.value;
    if (before !== id) {
      if (before !== null) this.answers.left(before);
      this.draft.set(null);
    }
    this.selected.set(id);
    if (id !== null) this.live.seen(id);
    // What is selected is what is seen: a letter may be its command.
    this.#setReportWaits(id !== null);
  }

  open(id: number): void {
    this.select(id);
    this.#showDetail();
  }

  /** Opens a form of the selected incident. */
  write(draft: Exclude<Draft, null>): void {
    this.#setReportWaits(true);
    this.draft.set(draft);
    this.#showDetail();
  }

  /** Throws the open form away, with what was written in it. */
  discard(): void {
    const { selected, draft } = this;
    if (selected.value !== null && draft.value !== null) this.answers.keep(selected.value, draft.value, '');
    draft.set(null);
  }

  /** The form for somebody who telephones: a new one, or the one that waits. */
  report(): void {
    this.draft.set(null);
    this.reporting.set(true);
    this.reportWaits.set(false);
    this.#showDetail();
  }

  endReport(): void {
    this.reporting.set(false);
    this.reportWaits.set(false);
  }

  #setReportWaits(waits: boolean): void {
    this.reportWaits.set(waits && this.reporting.value);
    if (this.reportWaits.value) this.picking.set(null);
  }

  uncheckAll(): void {
    this.checked.set(new Set());
    this.answers.manyProblem.set(null);
  }

  #showDetail(): void {
    this.detailFolded.set(false);
    this.tab.set('case');
  }

  openNewest(): void {
    const newest = newestUnacknowledged(this.live.queue.value);
    if (newest) this.open(newest.id);
  }

  #hello(): void {
    this.#feed?.send({ type: 'hello', canSound: this.player.enabled.value });
  }

  #watchFeed(): void {
    this.live.link.watch((link) => {
      if (link.kind !== 'signed_out') return;
      clearInterval(this.#timer);
      this.#feed?.close();
      this.#feed = null;
      this.expired.set(true);
      this.session.set(null);
    });
    this.live.batch.watch((batch, before) => {
      const fresh = newlyRinging(before?.state ?? EMPTY_STATE, batch);
      const grave = fresh.filter((incident) => incident.priority <= 2);
      if (grave.length > 0) this.announcement.set(grave);
      this.#ring(fresh);
      const checked = [...this.checked.value].filter((id) => batch.state.incidents.has(id));
      if (checked.length < this.checked.value.size) this.checked.set(new Set(checked));
      const [gravest] = queueOrder(fresh);
      if (gravest && this.#mayFollow()) {
        this.select(gravest.id);
        this.zoomTo.set({ incident: gravest.id });
      }
    });
  }

  #tick(): void {
    this.now.set(this.live.now());
    this.#ring([]);
  }

  /** Never where something would be torn out of somebody's hands. */
  #mayFollow(): boolean {
    const reportInFront = this.reporting.value && !this.reportWaits.value;
    return this.follow.value && this.draft.value === null && !reportInFront && !fieldHasFocus();
  }

  #ring(fresh: readonly Incident[]): void {
    const open = this.live.queue.value;
    const due = this.#bell.due(fresh, open, performance.now() / 1000);
    if (due !== null && this.live.speaker.value.you) this.player.play(due);
    this.ringing.set(this.#bell.rings(open));
  }
}

/** A grant without any right to see incidents shows a page that says whom to ask. */
export function mayWatch(session: Session): boolean {
  return session.grants.length > 0 && session.may['incident.read'] !== false;
}
