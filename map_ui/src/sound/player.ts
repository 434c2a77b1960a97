/** Makes the sounds. Browsers let a page sound only after a person touched it. */
import { Observable } from '../model/observable.ts';
import { type Pattern, PATTERNS } from './patterns.ts';

const KEY = 'lianfang.sound';
/** What may give a page the right to sound; Escape, for one, does not. */
const TOUCHES = ['click', 'keydown'] as const;

export class Player {
  /** Whether what is played now is heard: the browser, too, may take the sound away. */
  readonly enabled = new Observable(false);
  #on = false;
  #context: AudioContext | null = null;
  #sounding: GainNode | null = null;
  #endTouches: (() => void) | null = null;

  constructor(private readonly page: EventTarget = globalThis) {}

  /** Whether the person had sound on last time. */
  get wanted(): boolean {
    return localStorage.getItem(KEY) === 'on';
  }

  /** Where it was on last time it comes on again: at once where the browser lets it, else with the next touch. */
  enableAgain(): void {
    if (!this.wanted || this.enabled.value || this.#endTouches) return;
    const touched = () => void this.enable();
    for (const touch of TOUCHES) this.page.addEventListener(touch, touched, { capture: true });
    this.#endTouches = () => {
      for (const touch of TOUCHES) this.page.removeEventListener(touch, touched, { capture: true });
      this.#endTouches = null;
    };
    touched();
  }

  /** Must be called from a click or key. */
  async enable(): Promise<void> {
    localStorage.setItem(KEY, 'on');
    this.#on = true;
    this.#context ??= this.#open();
    await this.#context.resume();
    this.#follow();
  }

  async disable(): Promise<void> {
    localStorage.setItem(KEY, 'off');
    this.#on = false;
    this.#endTouches?.();
    this.enabled.set(false);
    await this.#context?.suspend();
  }

  play(pattern: Pattern): void {
    const context = this.#context;
    // Tones of a context that stands still would all sound together when it goes on.
    if (context?.state !== 'running' || !this.enabled.value) return;
    this.#sounding?.gain.setTargetAtTime(0, context.currentTime, 0.01);
    const whole = context.createGain();
    whole.connect(context.destination);
    this.#sounding = whole;
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
      oscillator.connect(gain).connect(whole);
      oscillator.start(start);
      oscillator.stop(start + tone.for_s);
    }
  }

  #open(): AudioContext {
    const context = new AudioContext();
    context.onstatechange = () => this.#follow();
    return context;
  }

  #follow(): void {
    const on = this.#on && this.#context?.state === 'running';
    if (on === this.enabled.value) return;
    this.enabled.set(on);
    if (on) {
      this.#endTouches?.();
      // A word that it sounds now, and how loud.
      this.play(PATTERNS[5]);
    } else this.enableAgain();
  }
}
