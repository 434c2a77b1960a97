/** The running page: session, feed, selection, settings. Elements get it as a property and watch what they show. */
import { Answers } from './answers.ts';
import { Problem } from './api/client.ts';
import { allDivisions, currentSession, signOut } from './api/endpoints.ts';
import { PatientRead } from './api/patient.ts';
import { type Feed, openFeed } from './feed/client.ts';
import { LiveStore, newlyRinging } from './feed/live-store.ts';
import type { ToTab } from './feed/protocol.ts';
import { locale, suggestLocale } from './i18n/i18n.ts';
import type { Incident, Session } from './model/documents.ts';
import { Clock } from './model/format.ts';
import { mayWatch } from './model/landing.ts';
import { EMPTY_STATE } from './model/live-state.ts';
import { Observable } from './model/observable.ts';
import { Places } from './model/places.ts';
import { newestUnacknowledged, queueOrder } from './model/queue.ts';
import { Bell } from './sound/bell.ts';
import { ENDED, PATTERNS } from './sound/patterns.ts';
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
  /** Why the names of places are not there yet; they are read until they are. */
  readonly placesProblem = new Observable<unknown>(null);
  /** Why nobody was signed out. */
  readonly leaveProblem = new Observable<unknown>(null);
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
  /** What this session may do has changed: the page is loaded anew as soon as nobody is in the middle of writing. */
  #outdated = false;
  /** After a power cut the screen is up before the server, and nobody there to press a button. */
  readonly #readSession = new PatientRead(
    currentSession,
    (session) => this.#begin(session),
    (problem) => this.startProblem.set(problem),
  );
  readonly #readPlaces = new PatientRead(
    allDivisions,
    (divisions) => {
      this.places.set(new Places(divisions));
      this.placesProblem.set(null);
    },
    (problem) => this.placesProblem.set(problem),
  );
  readonly #readRights = new PatientRead(currentSession, (session) => {
    const held = this.session.value;
    if (session && held) this.#outdated = rightsOf(session) !== rightsOf(held);
  });
  /** Asks the map to come to a place; the map listens. */
  readonly zoomTo = new Observable<{ incident: number } | { division: string | null } | null>(null);

  async start(): Promise<void> {
    this.startProblem.set(null);
    await this.#readSession.now();
  }

  async #begin(session: Session | null): Promise<void> {
    try {
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
    this.#feed = openFeed(rightsOf(session), (message) => this.#receive(message));
    this.#hello();
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.player.enableAgain();
    await this.#readPlaces.now();
  }

  /** Ends the session; every tab of this browser goes back to the sign-in page. */
  async leave(): Promise<void> {
    this.leaveProblem.set(null);
    try {
      await signOut();
    } catch (problem) {
      // 401: the session was over already, which is what was wanted.
      if (!(problem instanceof Problem && problem.status === 401)) {
        this.leaveProblem.set(problem);
        return;
      }
    }
    this.#feed?.send({ type: 'stop' });
    new BroadcastChannel('lianfang-session').postMessage('out');
    location.reload();
  }

  /** Silences what rings now, in every tab: the one that sounds is seldom the one that somebody works in. */
  silence(): void {
    const ids = this.#bell.ringing(this.live.queue.value).map((incident) => incident.id);
    this.#silenced(ids);
    this.#feed?.send({ type: 'silence', ids });
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

  #receive(message: ToTab): void {
    if (message.type === 'silence') this.#silenced(message.ids);
    const answer = this.live.receive(message);
    if (answer === 'pong') this.#feed?.send({ type: 'pong' });
    if (answer === 'hello') this.#hello();
    // A reset may come because grants changed; nothing is said of those that change while the line is away.
    if (message.type === 'back' || (message.type === 'snapshot' && message.again))
      void this.#readRights.now();
  }

  #watchFeed(): void {
    this.player.enabled.watch((canSound) => this.#feed?.send({ type: 'sound', canSound }));
    this.live.link.watch((link) => {
      if (link.kind === 'live' && this.placesProblem.value !== null) void this.#readPlaces.now();
      if (link.kind !== 'signed_out' && link.kind !== 'not_permitted') return;
      if (link.kind === 'signed_out' && this.live.speaker.value.you) this.player.play(ENDED);
      clearInterval(this.#timer);
      this.#readPlaces.stop();
      this.#readRights.stop();
      this.#feed?.close();
      this.#feed = null;
      if (link.kind === 'not_permitted') {
        location.reload(); // to the page that says whom to ask; the queue is not to be read any more
        return;
      }
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
    if (this.#outdated && !this.#writing()) location.reload();
  }

  /** What a page that is loaded anew would take away: a form, a field in use, a press that is on its way or was refused. */
  #writing(): boolean {
    return (
      this.draft.value !== null ||
      this.reporting.value ||
      this.answers.pending.value.size > 0 ||
      this.answers.problems.value.size > 0 ||
      fieldHasFocus()
    );
  }

  /** Never where something would be torn out of somebody's hands. */
  #mayFollow(): boolean {
    const reportInFront = this.reporting.value && !this.reportWaits.value;
    return this.follow.value && this.draft.value === null && !reportInFront && !fieldHasFocus();
  }

  #ring(fresh: readonly Incident[]): void {
    const open = this.live.queue.value;
    const due = this.#bell.due(fresh, open, performance.now() / 1000);
    if (due !== null && this.live.speaker.value.you) this.player.play(PATTERNS[due]);
    this.ringing.set(this.#bell.ringing(open).length > 0);
  }

  #silenced(ids: readonly number[]): void {
    this.#bell.silence(ids);
    this.ringing.set(this.#bell.ringing(this.live.queue.value).length > 0);
  }
}

/** Who sees what: another reader's feed must never answer, and a page that was made for other rights is outdated. */
function rightsOf({ user, grants, may, tiles }: Session): string {
  return JSON.stringify([user.id, tiles.scope, grants.map((grant) => JSON.stringify(grant)).sort(), may]);
}
