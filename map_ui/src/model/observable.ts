/** A value that tells its watchers when it changes. The one mechanism between the feed, the map and the screen. */
export class Observable<T> {
  #value: T;
  readonly #watchers = new Set<(value: T, before: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    const before = this.#value;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value, before);
  }

  /** Returns what ends the watching. */
  watch(watcher: (value: T, before: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
