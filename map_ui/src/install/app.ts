/** The installer's page while it runs: the session of the map, without its feed, and the one job at hand. */
import { App } from '../app.ts';
import { suggestLocale } from '../i18n/i18n.ts';
import type { Session } from '../model/documents.ts';
import { Observable } from '../model/observable.ts';
import type { InstalledDevice, Location, Setup, Site } from './documents.ts';

export type Step = 'place' | 'pin' | 'paste' | 'where' | 'site' | 'device' | 'setup' | 'test' | 'done';
/** From here on the device is saved: there is no way back to before. */
const AFTER_SAVING: readonly Step[] = ['setup', 'test', 'done'];

export interface Job {
  location: Location | null;
  accuracy_m: number | null;
  site: Site | null;
  device: InstalledDevice | null;
  setup: Setup | null;
}

const NOTHING: Job = { location: null, accuracy_m: null, site: null, device: null, setup: null };

export class InstallApp extends App {
  readonly step = new Observable<Step>('place');
  readonly job = new Observable<Job>(NOTHING);

  #clockOff_ms = 0;

  override async enter(session: Session): Promise<void> {
    suggestLocale(session.user.locale);
    await this.#readClock();
    this.expired.set(false);
    history.replaceState({ step: 'place' }, '');
    window.addEventListener('popstate', (event) => this.#popped(event));
    this.session.set(session);
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
    this.job.set({ ...this.job.value, ...change });
    if (step === this.step.value) return;
    history.pushState({ step }, '');
    this.step.set(step);
  }

  /** The phone's own way back, which the button in the corner takes too. */
  back(): void {
    history.back();
  }

  again(step: 'place' | 'device'): void {
    const { location, accuracy_m, site } = this.job.value;
    this.job.set(step === 'place' ? NOTHING : { ...NOTHING, location, accuracy_m, site });
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
