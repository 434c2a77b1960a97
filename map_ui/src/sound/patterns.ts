/** A short, different pattern for each priority. The first tone of each swells: it must never startle. */
import type { Priority } from '../model/documents.ts';

export interface Tone {
  hz: number;
  at_s: number;
  for_s: number;
}

export interface Pattern {
  tones: readonly Tone[];
  /** 0 to 1. */
  volume: number;
  wave: OscillatorType;
  /** Seconds from one start to the next while it is unanswered; null: once. */
  repeat_s: number | null;
}

const row = (hz: number[], step: number, length: number): Tone[] =>
  hz.map((tone, index) => ({ hz: tone, at_s: index * step, for_s: length }));

export const PATTERNS: Record<Priority, Pattern> = {
  1: { tones: row([880, 659, 880, 659, 880], 0.19, 0.17), volume: 0.5, wave: 'triangle', repeat_s: 3 },
  2: { tones: row([784, 784, 988], 0.22, 0.18), volume: 0.4, wave: 'triangle', repeat_s: null },
  3: { tones: row([659, 523], 0.24, 0.2), volume: 0.32, wave: 'sine', repeat_s: null },
  4: { tones: row([440], 0.3, 0.22), volume: 0.25, wave: 'sine', repeat_s: null },
  5: { tones: row([330], 0.3, 0.12), volume: 0.15, wave: 'sine', repeat_s: null },
};

/** Falls, as no alarm does: the session ended, and from now on nothing rings here. */
export const ENDED: Pattern = {
  tones: row([587, 440, 330], 0.3, 0.26),
  volume: 0.4,
  wave: 'triangle',
  repeat_s: null,
};

/** Seconds until it has sounded to its end. */
export function lengthOf(pattern: Pattern): number {
  return Math.max(...pattern.tones.map((tone) => tone.at_s + tone.for_s));
}
