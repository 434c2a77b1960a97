/** Makes the sounds. Browsers let a page sound only after a person touched it, so it must be enabled by a click. */
import type { Priority } from '../model/documents.ts';
import { Observable } from '../model/observable.ts';
import { PATTERNS } from './patterns.ts';

const KEY = 'lianfang.sound';

export class Player {
  readonly enabled = new Observable(false);
  #context: AudioContext | null = null;

  /** Whether the person had sound on last time: then the next touch of the page turns it on again. */
  get wanted(): boolean {
    return localStorage.getItem(KEY) === 'on';
  }

  /** Must be called from a click or key. */
  async enable(): Promise<void> {
    this.#context ??= new AudioContext();
    await this.#context.resume();
    localStorage.setItem(KEY, 'on');
    this.enabled.set(this.#context.state === 'running');
    if (this.enabled.value) this.play(5);
  }

  async disable(): Promise<void> {
    localStorage.setItem(KEY, 'off');
    this.enabled.set(false);
    await this.#context?.suspend();
  }

  play(priority: Priority): void {
    const context = this.#context;
    if (!context || !this.enabled.value) return;
    const pattern = PATTERNS[priority];
    for (const [index, tone] of pattern.tones.entries()) {
      const oscillator = context.createOscillator();
      const gain = context.createGain();
      const start = context.currentTime + tone.at_s;
      const rise = index === 0 ? 0.08 : 0.02;
      const peak = pattern.volume * Math.min(1, 0.5 + index * 0.25);
      oscillator.type = pattern.wave;
      oscillator.frequency.value = tone.hz;
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(peak, start + rise);
      gain.gain.setValueAtTime(peak, start + tone.for_s - 0.04);
      gain.gain.linearRampToValueAtTime(0, start + tone.for_s);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(start);
      oscillator.stop(start + tone.for_s);
    }
  }
}
