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
import { newestUnacknowledged } from './model/queue.ts';
import { Bell } from './sound/bell.ts';
import { ENDED, PATTERNS } from './sound/patterns.ts';
import { Player } from './sound/player.ts';

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
  readonly reporting = new Observable(false);
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
      if (message.type === 'silence') this.#silenced(message.ids);
      const answer = this.live.receive(message);
      if (answer === 'pong') this.#feed?.send({ type: 'pong' });
      if (answer === 'hello') this.#hello();
    });
    this.#hello();
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.player.enableAgain();
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
    this.selected.set(id);
    this.draft.set(null);
    if (id !== null) this.live.seen(id);
  }

  open(id: number): void {
    this.select(id);
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
    this.player.enabled.watch((canSound) => this.#feed?.send({ type: 'sound', canSound }));
    this.live.link.watch((link) => {
      if (link.kind !== 'signed_out') return;
      if (this.live.speaker.value.you) this.player.play(ENDED);
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
      if (this.follow.value && fresh[0]) {
        this.select(fresh[0].id);
        this.zoomTo.set({ incident: fresh[0].id });
      }
    });
  }

  #tick(): void {
    this.now.set(this.live.now());
    this.#ring([]);
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

/** A grant without any right to see incidents shows a page that says whom to ask. */
export function mayWatch(session: Session): boolean {
  return session.grants.length > 0 && session.may['incident.read'] !== false;
}
