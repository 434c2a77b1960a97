/**
 * What a dispatcher does, on its way. Nothing is shown as done before the feed says so; until then the button says
 * "sending", and a refusal stands beside it in plain words.
 */
import { explain } from './api/client.ts';
import { acknowledgeMany, act, type ManyResult } from './api/endpoints.ts';
import type { Action } from './model/actions.ts';
import { Observable } from './model/observable.ts';

export class Answers {
  /** Actions under way by incident. */
  readonly pending = new Observable<ReadonlyMap<number, readonly Action[]>>(new Map());
  /** The last refusal by incident, until the next try. */
  readonly problems = new Observable<ReadonlyMap<number, string>>(new Map());
  readonly manyPending = new Observable(false);
  readonly manyProblem = new Observable<string | ManyResult['refused'] | null>(null);
  readonly #newest = new Map<number, Promise<boolean>>();

  constructor(private readonly manyDone: () => void) {}

  isPending(id: number, action: Action): boolean {
    return this.pending.value.get(id)?.includes(action) ?? false;
  }

  /**
   * True when the server took it. The actions of an incident go one after the other: what is pressed while another is
   * on its way waits for that one's answer. The same action pressed again is the same press.
   */
  act(id: number, action: Action, body: Record<string, unknown> = {}): Promise<boolean> {
    if (this.isPending(id, action)) return Promise.resolve(false);
    this.pending.set(new Map(this.pending.value).set(id, [...(this.pending.value.get(id) ?? []), action]));
    this.problems.set(without(this.problems.value, id));
    const before = this.#newest.get(id) ?? Promise.resolve(true);
    const answer = before.then(() => this.#send(id, action, body));
    this.#newest.set(id, answer);
    return answer;
  }

  async #send(id: number, action: Action, body: Record<string, unknown>): Promise<boolean> {
    try {
      await act(id, action, body);
      return true;
    } catch (problem) {
      this.problems.set(new Map(this.problems.value).set(id, explain(problem)));
      return false;
    } finally {
      const rest = (this.pending.value.get(id) ?? []).filter((other) => other !== action);
      if (rest.length === 0) this.#newest.delete(id);
      this.pending.set(
        rest.length > 0 ? new Map(this.pending.value).set(id, rest) : without(this.pending.value, id),
      );
    }
  }

  async acknowledgeMany(ids: readonly number[]): Promise<void> {
    if (this.manyPending.value || ids.length === 0) return;
    this.manyPending.set(true);
    this.manyProblem.set(null);
    try {
      const { refused } = await acknowledgeMany(ids);
      this.manyProblem.set(refused.length > 0 ? refused : null);
      this.manyDone();
    } catch (problem) {
      this.manyProblem.set(explain(problem));
    } finally {
      this.manyPending.set(false);
    }
  }
}

function without<V>(map: ReadonlyMap<number, V>, id: number): ReadonlyMap<number, V> {
  const rest = new Map(map);
  rest.delete(id);
  return rest;
}
