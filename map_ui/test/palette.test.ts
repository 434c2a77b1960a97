import { describe, expect, test } from 'vitest';
import { PRIORITIES } from '../src/model/documents.ts';
import { PALETTES } from '../src/theme/palette.ts';
import { BLINDNESS, contrast, distance, lightness } from './colour.ts';

/** WCAG 1.4.3, and 1.4.6 for the queue, where people read for twelve hours. */
const TEXT = 4.5;
const QUEUE_TEXT = 7;
/** WCAG 1.4.11, what is no text: shapes, edges of fields. */
const SHAPE = 3;
/** Steps that an untrained eye tells apart at a glance: CIE lightness and CIE76 distance. */
const GREY_STEP = 6;
const SEEN_STEP = 12;

const pairs = PRIORITIES.flatMap((a) => PRIORITIES.filter((b) => b > a).map((b) => [a, b] as const));

describe.each(Object.entries(PALETTES))('%s', (_name, palette) => {
  test('text can be read', () => {
    for (const ground of [palette.surface, palette.raised, palette.ground, palette.chosen]) {
      expect(contrast(palette.text, ground)).toBeGreaterThanOrEqual(TEXT);
      expect(contrast(palette.muted, ground)).toBeGreaterThanOrEqual(TEXT);
      expect(contrast(palette.accent, ground)).toBeGreaterThanOrEqual(TEXT);
    }
    expect(contrast(palette.onAccent, palette.accent)).toBeGreaterThanOrEqual(TEXT);
    expect(contrast(palette.onBad, palette.badGround)).toBeGreaterThanOrEqual(TEXT);
    expect(contrast(palette.bad, palette.surface)).toBeGreaterThanOrEqual(TEXT);
    expect(contrast(palette.good, palette.surface)).toBeGreaterThanOrEqual(TEXT);
  });

  test('the queue is easier still', () => {
    for (const ground of [palette.surface, palette.grave, palette.chosen]) {
      expect(contrast(palette.text, ground)).toBeGreaterThanOrEqual(QUEUE_TEXT);
      expect(contrast(palette.muted, ground)).toBeGreaterThanOrEqual(QUEUE_TEXT);
    }
  });

  test('names on the map can be read', () => {
    for (const label of [palette.map.label, palette.map.labelQuiet]) {
      expect(contrast(label, palette.map.land)).toBeGreaterThanOrEqual(TEXT);
      expect(contrast(label, palette.map.halo)).toBeGreaterThanOrEqual(TEXT);
    }
  });

  test('edges of fields and buttons are seen', () => {
    for (const ground of [palette.surface, palette.raised, palette.ground]) {
      expect(contrast(palette.edge, ground)).toBeGreaterThanOrEqual(SHAPE);
    }
  });

  test.each(PRIORITIES)('the number in the shape of priority %i can be read', (priority) => {
    const { fill, ink } = palette.priority[priority];
    expect(contrast(fill, ink)).toBeGreaterThanOrEqual(TEXT);
  });

  test.each(PRIORITIES)('the shape of priority %i stands out, by its fill or by its edge', (priority) => {
    const { fill } = palette.priority[priority];
    for (const ground of [palette.surface, palette.map.land]) {
      const best = Math.max(contrast(fill, ground), contrast(palette.outline, ground));
      expect(best).toBeGreaterThanOrEqual(SHAPE);
    }
  });

  test.each(pairs)('priorities %i and %i differ in greyscale', (a, b) => {
    const step = Math.abs(lightness(palette.priority[a].fill) - lightness(palette.priority[b].fill));
    expect(step).toBeGreaterThanOrEqual(GREY_STEP);
  });

  describe.each(Object.entries(BLINDNESS))('%s', (_blindness, matrix) => {
    test.each(pairs)('priorities %i and %i differ', (a, b) => {
      const { fill } = palette.priority[a];
      expect(distance(fill, palette.priority[b].fill, matrix)).toBeGreaterThanOrEqual(SEEN_STEP);
    });
  });
});
