/**
 * What a dispatcher does, on its way. Nothing is shown as done before the feed says so; until then the button says
 * "sending", and a refusal stands beside it in plain words.
 */
import { explain } from './api/client.ts';
import { acknowledgeMany, act, type ManyResult } from './api/endpoints.ts';
import type { Action } from './model/actions.ts';
import { Observable } from './model/observable.ts';

interface Sending {
  action: Action;
  /** What makes it the same press, as text. */
  same: string;
  text: unknown;
}

export class Answers {
  /** Actions under way by incident. */
  readonly pending = new Observable<ReadonlyMap<number, readonly Action[]>>(new Map());
  /** The last refusal by incident, until the next try. */
  readonly problems = new Observable<ReadonlyMap<number, string>>(new Map());
  readonly manyPending = new Observable(false);
  readonly manyProblem = new Observable<string | ManyResult['refused'] | null>(null);
  readonly #sending = new Map<number, readonly Sending[]>();
  readonly #newest = new Map<number, Promise<boolean>>();
  readonly #unsent = new Map<number, Map<Action, string>>();
  readonly #ownVersions = new Map<number, Set<number>>();

  constructor(private readonly manyDone: () => void) {}

  isPending(id: number, action: Action): boolean {
    return this.pending.value.get(id)?.includes(action) ?? false;
  }

  /** Whether exactly this text is on its way. */
  isSending(id: number, action: Action, text: string): boolean {
    return (this.#sending.get(id) ?? []).some((one) => one.action === action && one.text === text);
  }

  /** What was typed outlives its form: until the server has taken it, or somebody throws it away. */
  keep(id: number, action: Action, text: string): void {
    const kept = this.#unsent.get(id) ?? new Map<Action, string>();
    if (text.trim() === '') kept.delete(action);
    else kept.set(action, text);
    if (kept.size > 0) this.#unsent.set(id, kept);
    else this.#unsent.delete(id);
  }

  unsent(id: number): ReadonlyMap<Action, string> {
    return this.#unsent.get(id) ?? new Map();
  }

  /** Somebody has read the refusal, and does not want the text any more. */
  dismiss(id: number): void {
    this.#unsent.delete(id);
    this.problems.set(without(this.problems.value, id));
  }

  /** Somebody turned away from the incident, where the refusal was to be read; a text that was not sent keeps it. */
  left(id: number): void {
    if (this.problems.value.has(id) && !this.#unsent.has(id))
      this.problems.set(without(this.problems.value, id));
  }

  /**
   * True when the server took it. The actions of an incident go one after the other: what is pressed while another is
   * on its way waits for that one's answer. The same action with the same words pressed again is the same press.
   */
  act(id: number, action: Action, body: Record<string, unknown> = {}): Promise<boolean> {
    const before = this.#sending.get(id) ?? [];
    // The version is what was on the screen, not what somebody wanted.
    const same = JSON.stringify([action, { ...body, version: undefined }]);
    if (before.some((other) => other.same === same)) return Promise.resolve(false);
    const sending = { action, same, text: body['text'] };
    this.#setSending(id, [...before, sending]);
    if (this.problems.value.has(id)) this.problems.set(without(this.problems.value, id));
    const previous = this.#newest.get(id) ?? Promise.resolve(true);
    const answer = previous.then(() => this.#send(id, sending, body));
    this.#newest.set(id, answer);
    return answer;
  }

  async #send(id: number, sending: Sending, body: Record<string, unknown>): Promise<boolean> {
    const { action, text } = sending;
    try {
      const { version } = await act(id, action, this.#withOwnVersion(id, body));
      this.#noteOwn(id, version);
      if (this.unsent(id).get(action)?.trim() === text) this.keep(id, action, '');
      return true;
    } catch (problem) {
      this.problems.set(new Map(this.problems.value).set(id, explain(problem)));
      return false;
    } finally {
      const rest = (this.#sending.get(id) ?? []).filter((other) => other !== sending);
      if (rest.length === 0) this.#newest.delete(id);
      this.#setSending(id, rest);
    }
  }

  #noteOwn(id: number, version: number): void {
    this.#ownVersions.set(id, (this.#ownVersions.get(id) ?? new Set()).add(version));
  }

  /**
   * What the person did after looking did not go unseen by that person: each own action is one version more. A version
   * that somebody else made stands between, and the server refuses.
   */
  #withOwnVersion(id: number, body: Record<string, unknown>): Record<string, unknown> {
    let version = body['version'];
    if (typeof version !== 'number') return body;
    while (this.#ownVersions.get(id)?.has(version + 1)) version += 1;
    return { ...body, version };
  }

  #setSending(id: number, sending: readonly Sending[]): void {
    if (sending.length > 0) this.#sending.set(id, sending);
    else this.#sending.delete(id);
    const actions = sending.map((one) => one.action);
    this.pending.set(
      actions.length > 0 ? new Map(this.pending.value).set(id, actions) : without(this.pending.value, id),
    );
  }

  /** What is pressed on one of them meanwhile is sent after it. */
  async acknowledgeMany(ids: readonly number[]): Promise<void> {
    if (this.manyPending.value || ids.length === 0) return;
    this.manyPending.set(true);
    this.manyProblem.set(null);
    const answer = this.#sendMany(ids);
    for (const id of ids) this.#newest.set(id, answer);
    await answer;
    for (const id of ids) if (this.#newest.get(id) === answer) this.#newest.delete(id);
    this.manyPending.set(false);
  }

  async #sendMany(ids: readonly number[]): Promise<boolean> {
    try {
      const { done, refused } = await acknowledgeMany(ids);
      for (const { id, version } of done) this.#noteOwn(id, version);
      this.manyProblem.set(refused.length > 0 ? refused : null);
      this.manyDone();
      return true;
    } catch (problem) {
      this.manyProblem.set(explain(problem));
      return false;
    }
  }
}

function without<V>(map: ReadonlyMap<number, V>, id: number): ReadonlyMap<number, V> {
  const rest = new Map(map);
  rest.delete(id);
  return rest;
}
