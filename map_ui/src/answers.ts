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
  readonly pending = new Observable<ReadonlyMap<number, Action>>(new Map());
  /** The last refusal by incident, until the next try. */
  readonly problems = new Observable<ReadonlyMap<number, string>>(new Map());
  readonly manyPending = new Observable(false);
  readonly manyProblem = new Observable<string | ManyResult['refused'] | null>(null);

  constructor(private readonly manyDone: () => void) {}

  /** True when the server took it. */
  async act(id: number, action: Action, body: Record<string, unknown> = {}): Promise<boolean> {
    if (this.pending.value.has(id)) return false;
    this.pending.set(new Map(this.pending.value).set(id, action));
    this.problems.set(without(this.problems.value, id));
    try {
      await act(id, action, body);
      return true;
    } catch (problem) {
      this.problems.set(new Map(this.problems.value).set(id, explain(problem)));
      return false;
    } finally {
      this.pending.set(without(this.pending.value, id));
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
