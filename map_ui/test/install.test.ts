import fc from 'fast-check';
import { expect, test } from 'vitest';
import { metresBetween, parseCoordinates } from '../src/install/coordinates.ts';
import { draftOf } from '../src/install/draft.ts';
import { suggestedId } from '../src/install/memory.ts';

test('coordinates are read as people paste them', () => {
  for (const text of [
    '111.195, 34.778',
    '111.195 34.778',
    '111.195，34.778',
    '[111.195,34.778]',
    '经度：111.195 纬度：34.778',
    '111.195°E 34.778°N',
    '34.778, 111.195',
    '１１１．１９５，３４．７７８',
    '111.195, 34.778.',
  ]) {
    expect(parseCoordinates(text), text).toEqual([111.195, 34.778]);
  }
});

test('what is not two numbers is no position', () => {
  for (const text of [
    '',
    '111.195',
    '1, 2, 3',
    'the yard',
    '12:30:15',
    '<b>1,2</b>',
    '1110.5',
    '111.195.34.778',
  ]) {
    expect(parseCoordinates(text), text).toBeNull();
  }
});

test('any point of China is read as it was written, whichever comes first', () => {
  const degrees = (min: number, max: number) =>
    fc.integer({ min: min * 1e6, max: max * 1e6 }).map((n) => n / 1e6);
  fc.assert(
    fc.property(degrees(73.5, 135), degrees(18, 53.5), (lon, lat) => {
      expect(parseCoordinates(`${lon}, ${lat}`)).toEqual([lon, lat]);
      expect(parseCoordinates(`${lat} ${lon}`)).toEqual([lon, lat]);
    }),
  );
});

test('a kilometre is one, along and across', () => {
  expect(metresBetween([111, 34], [111, 34.008_993])).toBeCloseTo(1000, 0);
  expect(metresBetween([111, 34], [111.010_848, 34])).toBeCloseTo(1000, 0);
  expect(metresBetween([111, 34], [111, 34])).toBe(0);
});

test('what was begun is its own user\u2019s, for some hours', () => {
  const hour = 3_600_000;
  const kept = { user: 7, at: 100 * hour, step: 'site', job: {}, forms: {}, unanswered: [] };
  const text = JSON.stringify(kept);
  expect(draftOf(text, 7, 101 * hour)).toEqual(kept);
  expect(draftOf(text, 8, 101 * hour), 'another user').toBeNull();
  expect(draftOf(text, 7, 113 * hour), 'too old').toBeNull();
  expect(draftOf(text, 7, 80 * hour), 'a clock that was set back').toBeNull();
  for (const other of [null, '', '{', '"x"', '7', JSON.stringify({ ...kept, forms: undefined })]) {
    expect(draftOf(other, 7, 101 * hour)).toBeNull();
  }
});

test('a suggested device id is one that the server takes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('infrared_sensor', 'gateway', 'a new kind'),
      fc.option(fc.constant('411282103205')),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      (kind, village, random) => {
        expect(suggestedId(kind, village, random)).toMatch(/^[A-Za-z0-9_-]{1,64}$/u);
      },
    ),
  );
});
