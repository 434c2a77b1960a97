/** What a page cannot do without is read until it is there. */

const WAIT_MS = [2000, 4000, 8000, 16_000, 32_000];

export class PatientRead<T> {
  #turn = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly done: (read: T) => void | Promise<void>,
    /** Told each time that it fails; the next try comes by itself. */
    private readonly failed: (problem: unknown) => void = () => {},
  ) {}

  /** At once; an earlier try is not waited for. */
  async now(): Promise<void> {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    let read: T;
    try {
      read = await this.read();
    } catch (problem) {
      if (turn !== this.#turn) return;
      const wait = WAIT_MS[Math.min(this.#failures, WAIT_MS.length - 1)];
      this.#failures += 1;
      this.#timer = setTimeout(() => void this.now(), wait);
      this.failed(problem);
      return;
    }
    if (turn !== this.#turn) return;
    this.#failures = 0;
    await this.done(read);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
  }
}
