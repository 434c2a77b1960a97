import { expect, test } from 'vitest';
import { PRIORITIES } from '../src/model/documents.ts';
import { Bell } from '../src/sound/bell.ts';
import { PATTERNS } from '../src/sound/patterns.ts';
import { incident } from './documents.ts';

const life = incident({ id: 1, priority: 1 });
const intrusion = incident({ id: 2, priority: 3 });

test('the gravest of what came together sounds', () => {
  expect(new Bell().due([intrusion, life], [], 0)).toBe(1);
});

test('a threat to life repeats until somebody has it; an intrusion sounds once', () => {
  const bell = new Bell();
  expect(bell.due([life, intrusion], [life, intrusion], 0)).toBe(1);
  expect(bell.due([], [life, intrusion], 2)).toBeNull();
  expect(bell.due([], [life, intrusion], 3)).toBe(1);
  expect(bell.due([], [{ ...life, state: 'acknowledged' }, intrusion], 9)).toBeNull();
});

test('silenced is silent, and the next one rings again', () => {
  const bell = new Bell();
  bell.due([life], [life], 0);
  bell.silence([life]);
  expect(bell.due([], [life], 60)).toBeNull();
  expect(bell.rings([life])).toBe(false);
  const next = incident({ id: 3, priority: 1 });
  expect(bell.due([next], [life, next], 61)).toBe(1);
  expect(bell.due([], [life, next], 65)).toBe(1);
});

test('a page opened in the middle of an alarm rings for it', () => {
  expect(new Bell().due([], [life], 0)).toBe(1);
});

test('each priority has its own pattern; graver is louder; only the gravest repeats', () => {
  const sounds = PRIORITIES.map((priority) => PATTERNS[priority]);
  expect(new Set(sounds.map((pattern) => pattern.tones.map((tone) => tone.hz).join())).size).toBe(5);
  for (let i = 1; i < sounds.length; i += 1) {
    expect(sounds[i - 1]?.volume).toBeGreaterThan(sounds[i]?.volume ?? 1);
  }
  expect(sounds.map((pattern) => pattern.repeat_s !== null)).toEqual([true, false, false, false, false]);
});
