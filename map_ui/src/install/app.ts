/** The installer's page while it runs: the session of the map, without its feed, and the one job at hand. */
import { App } from '../app.ts';
import { suggestLocale } from '../i18n/i18n.ts';
import type { LonLat, Session } from '../model/documents.ts';
import { Observable } from '../model/observable.ts';
import { metresBetween } from './coordinates.ts';
import type { InstalledDevice, Location, Setup, Site } from './documents.ts';
import { type Draft, type Fields, forgetDraft, readDraft, writeDraft } from './draft.ts';
import { rememberPlace } from './memory.ts';

export type Step = 'place' | 'pin' | 'paste' | 'where' | 'site' | 'device' | 'setup' | 'test' | 'done';
/** From here on the device is saved: there is no way back to before. */
const AFTER_SAVING: readonly Step[] = ['setup', 'test', 'done'];
/** Moved no further than this it is the same place, better hit: what was typed for it holds. */
const SAME_PLACE_M = 200;

/** A position as it was given, where that was not in WGS 84 by itself. */
export interface Given {
  lon: number;
  lat: number;
  crs: string;
}

export interface Job {
  location: Location | null;
  given: Given | null;
  /** The division without boundary that it was declared to be in. */
  declared: string | null;
  accuracy_m: number | null;
  site: Site | null;
  device: InstalledDevice | null;
  setup: Setup | null;
}

const NOTHING: Job = {
  location: null,
  given: null,
  declared: null,
  accuracy_m: null,
  site: null,
  device: null,
  setup: null,
};

export class InstallApp extends App {
  readonly step = new Observable<Step>('place');
  readonly job = new Observable<Job>(NOTHING);
  /** Writes whose answer never came: they may have been done. */
  readonly unanswered = new Set<string>();
  #forms: Draft['forms'] = {};

  #clockOff_ms = 0;

  override async enter(session: Session): Promise<void> {
    suggestLocale(session.user.locale);
    await this.#readClock();
    this.expired.set(false);
    this.#takeUp(readDraft(session.user.id));
    history.replaceState({ step: this.step.value }, '');
    window.addEventListener('popstate', (event) => this.#popped(event));
    this.session.set(session);
    this.job.watch(() => this.keep());
    this.step.watch(() => this.keep());
  }

  override async leave(): Promise<void> {
    this.forget();
    await super.leave();
  }

  /** The session ended in the middle of it: whoever signs in again as the same user goes on from here. */
  signInAgain(): void {
    this.keep();
    this.expired.set(true);
    this.session.set(null);
  }

  #takeUp(draft: Draft | null): void {
    this.unanswered.clear(); // what another user left is not this one's
    for (const one of draft?.unanswered ?? []) this.unanswered.add(one);
    this.#forms = draft?.forms ?? {};
    this.job.set({ ...NOTHING, ...draft?.job });
    this.step.set(draft?.step ?? 'place');
  }

  /** Keep what was begun, for when the phone drops this page. */
  keep(): void {
    const user = this.session.value?.user.id;
    if (user === undefined) return;
    const { setup: _, ...job } = this.job.value;
    const step = this.step.value;
    if (step === 'done' || (step === 'place' && job.location === null)) forgetDraft();
    else {
      const unanswered = [...this.unanswered];
      writeDraft({ user, at: Date.now(), step, job, forms: this.#forms, unanswered });
    }
  }

  forget(): void {
    this.#forms = {};
    this.unanswered.clear();
    forgetDraft();
  }

  /** What was typed into this step's form and is not saved. */
  get typed(): Fields {
    return this.#forms[this.step.value] ?? {};
  }

  type(name: string, value: string): void {
    this.#forms = { ...this.#forms, [this.step.value]: { ...this.typed, [name]: value } };
    this.keep();
  }

  /** The server's time in ms, to the second: a phone's clock may be wrong, and a test must end all the same. */
  serverNow(): number {
    return Date.now() + this.#clockOff_ms;
  }

  async #readClock(): Promise<void> {
    const answer = await fetch('/healthz', { cache: 'no-store' });
    const said = Date.parse(answer.headers.get('Date') ?? '');
    if (!Number.isNaN(said)) this.#clockOff_ms = said - Date.now();
  }

  go(step: Step, change: Partial<Job> = {}): void {
    // Saved: a form that is opened again begins empty.
    if (AFTER_SAVING.includes(step)) this.#forms = {};
    else if (step === 'device') this.#forms = { ...this.#forms, site: {} };
    this.job.set({ ...this.job.value, ...change });
    if (step === this.step.value) return;
    history.pushState({ step }, '');
    this.step.set(step);
  }

  /** The place is found. What was typed for another place is not this one's. */
  located(location: Location, accuracy_m: number | null, given: Given | null = null): void {
    const before: LonLat | undefined = this.job.value.location?.position;
    if (!before || metresBetween(before, location.position) > SAME_PLACE_M) this.#forms = {};
    else this.#forms = { ...this.#forms, where: {} };
    rememberPlace(location);
    this.go('where', { location, accuracy_m, given, declared: null, site: null });
  }

  /** The phone's own way back, which the button in the corner takes too. */
  back(): void {
    history.back();
  }

  again(step: 'place' | 'device'): void {
    const { setup: _, device: __, ...here } = this.job.value;
    this.#forms = {};
    this.job.set(step === 'place' ? NOTHING : { ...NOTHING, ...here });
    history.pushState({ step }, '');
    this.step.set(step);
  }

  #popped(event: PopStateEvent): void {
    const wanted = ((event.state as { step?: Step } | null)?.step ?? 'place') as Step;
    const saved = this.job.value.device !== null;
    if (wanted === 'place') {
      if (saved) this.job.set(NOTHING);
      this.step.set(wanted);
    } else if (saved !== AFTER_SAVING.includes(wanted)) {
      // What is saved is not saved again, and what is not saved has no test.
      history.pushState({ step: this.step.value }, '');
    } else {
      this.step.set(wanted);
    }
  }
}

export function mayInstall(session: Session): boolean {
  return session.may['device.write'] === true && session.may['site.write'] === true;
}
