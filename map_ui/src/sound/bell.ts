/** Which sound is due, apart from how it is made: so that "repeats until acknowledged" can be tested without a speaker. */
import type { Incident, Priority } from '../model/documents.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { PATTERNS } from './patterns.ts';

export class Bell {
  #silenced = new Set<number>();
  #lastRung = Number.NEGATIVE_INFINITY;

  /** The gravest of what just came, or a repeat that is due. `nowS` in seconds. */
  due(fresh: readonly Incident[], open: Iterable<Incident>, nowS: number): Priority | null {
    let gravest: Priority | null = null;
    for (const incident of fresh) {
      this.#silenced.delete(incident.id);
      if (gravest === null || incident.priority < gravest) gravest = incident.priority;
    }
    if (gravest === null) {
      for (const incident of open) {
        const repeat = PATTERNS[incident.priority].repeat_s;
        if (repeat === null || !isUnacknowledged(incident) || this.#silenced.has(incident.id)) continue;
        if (nowS - this.#lastRung < repeat) continue;
        gravest = incident.priority;
        break;
      }
    }
    if (gravest !== null) this.#lastRung = nowS;
    return gravest;
  }

  /** Silences what rings now; whatever comes after rings again. */
  silence(open: Iterable<Incident>): void {
    this.#silenced = new Set([...open].filter(isUnacknowledged).map((incident) => incident.id));
  }

  rings(open: Iterable<Incident>): boolean {
    for (const incident of open) {
      if (
        isUnacknowledged(incident) &&
        PATTERNS[incident.priority].repeat_s !== null &&
        !this.#silenced.has(incident.id)
      )
        return true;
    }
    return false;
  }
}
