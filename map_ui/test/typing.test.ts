import { expect, test } from 'vitest';
import { Hands } from '../src/typing.ts';

test('letters that come on after the field is gone belong to the sentence, until the hands rest', () => {
  const hands = new Hands();
  expect(hands.areWriting(0)).toBe(false);
  hands.typed(1000);
  expect(hands.areWriting(2400)).toBe(true);
  expect(hands.areWriting(3800), 'the sentence goes on').toBe(true);
  expect(hands.areWriting(5300)).toBe(false);
});

test('a sentence that was ended on purpose is over at once', () => {
  const hands = new Hands();
  hands.typed(1000);
  hands.ended();
  expect(hands.areWriting(1001)).toBe(false);
});
