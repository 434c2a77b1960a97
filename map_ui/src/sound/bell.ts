/** Which sound is due, apart from how it is made: so that "repeats until acknowledged" can be tested without a speaker. */
import type { Incident, Priority } from '../model/documents.ts';
import { isUnacknowledged } from '../model/queue.ts';
import { lengthOf, PATTERNS } from './patterns.ts';

export class Bell {
  readonly #silenced = new Set<number>();
  /** When what repeats last began: nothing else that sounds meanwhile puts its next time off. */
  #repeatedAt = Number.NEGATIVE_INFINITY;
  #sounding: Priority | null = null;
  #soundsUntil = Number.NEGATIVE_INFINITY;
  /** Came while something graver sounded, and has its turn afterwards. */
  #waiting: Priority | null = null;

  /** The gravest of what just came, of what waits, and of the repeats that are due. `nowS` in seconds. */
  due(fresh: readonly Incident[], open: Iterable<Incident>, nowS: number): Priority | null {
    let next = this.#waiting;
    for (const incident of fresh) {
      this.#silenced.delete(incident.id);
      next = graver(next, incident.priority);
    }
    for (const incident of this.ringing(open)) {
      const repeat = PATTERNS[incident.priority].repeat_s ?? Number.POSITIVE_INFINITY;
      if (nowS - this.#repeatedAt >= repeat) next = graver(next, incident.priority);
    }
    if (next === null) return null;
    if (this.#sounding !== null && nowS < this.#soundsUntil && next >= this.#sounding) {
      // Two patterns at once are none; what sounds already tells of another of its kind.
      for (const { priority } of fresh)
        if (priority > this.#sounding) this.#waiting = graver(this.#waiting, priority);
      return null;
    }
    if (this.#waiting === next) this.#waiting = null;
    this.#sounding = next;
    this.#soundsUntil = nowS + lengthOf(PATTERNS[next]);
    if (PATTERNS[next].repeat_s !== null) this.#repeatedAt = nowS;
    return next;
  }

  /** Silences these; whatever comes after, or comes again, rings. */
  silence(ids: Iterable<number>): void {
    for (const id of ids) this.#silenced.add(id);
    this.#waiting = null;
  }

  /** What repeats until somebody has it or silences it. */
  ringing(open: Iterable<Incident>): Incident[] {
    const found: Incident[] = [];
    for (const incident of open) {
      if (PATTERNS[incident.priority].repeat_s === null || !isUnacknowledged(incident)) continue;
      if (!this.#silenced.has(incident.id)) found.push(incident);
    }
    return found;
  }
}

function graver(held: Priority | null, other: Priority): Priority {
  return held === null || other < held ? other : held;
}
