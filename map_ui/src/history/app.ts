/** The history page: session and places as on the map, no feed, and what is asked, found and opened. */
import { allDivisions } from '../api/endpoints.ts';
import { explain, Problem } from '../api/client.ts';
import { App } from '../app.ts';
import { suggestLocale } from '../i18n/i18n.ts';
import type { IncidentDetail, LonLat, Session } from '../model/documents.ts';
import { Observable } from '../model/observable.ts';
import { Places } from '../model/places.ts';
import { type Found, foundIncident, moreOf, openSearch, serverNow } from './endpoints.ts';
import { closesWell, crosses } from './polygon.ts';
import { type Asked, queryOf } from './query.ts';

export const mayAsk = (session: Session): boolean => session.may['history.search'] === true;

export class HistoryApp extends App {
  /** The area as its points; an area has three or more. */
  readonly area = new Observable<readonly LonLat[]>([]);
  readonly drawing = new Observable(false);
  readonly areaProblem = new Observable(false);
  readonly found = new Observable<Found | null>(null);
  readonly searching = new Observable(false);
  readonly problem = new Observable<string | null>(null);
  readonly opened = new Observable<IncidentDetail | null>(null);
  readonly caseProblem = new Observable<string | null>(null);
  /** The past has no today: every time is told with its date and its year. */
  override readonly now = new Observable(0);
  /** Asks the map to take its view as the area; the map listens. */
  readonly viewWanted = new Observable(0);

  override async enter(session: Session): Promise<void> {
    suggestLocale(session.user.locale);
    this.expired.set(false);
    this.session.set(session);
    if (!mayAsk(session)) return;
    try {
      this.places.set(new Places(await allDivisions()));
    } catch (problem) {
      this.startProblem.set(problem);
    }
  }

  async search(asked: Asked): Promise<void> {
    if (this.searching.value) return;
    this.drawing.set(false);
    this.searching.set(true);
    this.problem.set(null);
    this.close();
    try {
      const query = queryOf(asked, await serverNow(), this.clock.timeZone);
      this.found.set(await openSearch(asked.purpose.trim(), query));
    } catch (problem) {
      this.found.set(null);
      this.problem.set(this.told(problem));
    } finally {
      this.searching.set(false);
    }
  }

  async more(): Promise<void> {
    const found = this.found.value;
    if (!found || this.searching.value) return;
    this.searching.set(true);
    try {
      const longer = await moreOf(found);
      if (this.found.value === found) this.found.set(longer);
    } catch (problem) {
      this.problem.set(this.told(problem));
    } finally {
      this.searching.set(false);
    }
  }

  /** Reads a case, against the purpose of the search that found it. */
  override open(id: number): void {
    const search = this.found.value?.search.id;
    if (search === undefined) return;
    this.selected.set(id);
    this.opened.set(null);
    this.caseProblem.set(null);
    foundIncident(search, id).then(
      (detail) => {
        if (this.selected.value === id) this.opened.set(detail);
      },
      (problem: unknown) => {
        if (this.selected.value === id) this.caseProblem.set(this.told(problem));
      },
    );
  }

  close(): void {
    this.selected.set(null);
    this.opened.set(null);
  }

  draw(): void {
    this.setArea([]);
    this.drawing.set(true);
  }

  /** A corner; one that would make the outline cross itself is not taken, and that is said. */
  addPoint(point: LonLat): void {
    const points = this.area.value;
    if (crosses(points, point)) this.areaProblem.set(true);
    else this.setArea([...points, point]);
  }

  undoPoint(): void {
    this.setArea(this.area.value.slice(0, -1));
  }

  /** False when there is no area yet. */
  finish(): boolean {
    const well = closesWell(this.area.value);
    this.areaProblem.set(!well && this.area.value.length >= 3);
    if (well) this.drawing.set(false);
    return well;
  }

  setArea(points: readonly LonLat[]): void {
    this.areaProblem.set(false);
    this.area.set(points);
  }

  clearArea(): void {
    this.setArea([]);
    this.drawing.set(false);
  }

  /** What to tell; a session that is over leads back to the sign-in page. */
  told(problem: unknown): string {
    if (problem instanceof Problem && problem.status === 401) {
      this.expired.set(true);
      this.session.set(null);
    }
    return explain(problem);
  }
}
