import { expect, test } from 'vitest';
import { en } from '../src/i18n/en.ts';
import { locale, render, zoneName } from '../src/i18n/i18n.ts';
import { zh } from '../src/i18n/zh.ts';
import { ACTIONS } from '../src/model/actions.ts';
import { CATEGORIES, DISPOSITIONS, PRIORITIES } from '../src/model/documents.ts';
import { Clock, distance, shortAge } from '../src/model/format.ts';
import { Observable } from '../src/model/observable.ts';
import { Places } from '../src/model/places.ts';
import type { App } from '../src/app.ts';
import { newsOf } from '../src/ui/words.ts';
import { incident } from './documents.ts';

const keys = Object.keys(zh) as (keyof typeof zh)[];
const places = (message: string) => [...message.matchAll(/\{(\w+)/gu)].map((match) => match[1]).sort();

test('both catalogues have the same keys, none of them empty', () => {
  expect(Object.keys(en).sort()).toEqual([...keys].sort());
  for (const key of keys) {
    expect(zh[key].trim(), key).not.toBe('');
    expect(en[key].trim(), key).not.toBe('');
  }
});

test('both say the same things: the same values stand in both', () => {
  for (const key of keys) {
    const unique = (message: string) => [...new Set(places(message))];
    expect(unique(en[key]), key).toEqual(unique(zh[key]));
  }
});

test('Chinese is Chinese, and English holds no Chinese', () => {
  for (const key of keys) {
    if (key === 'language.zh' || key === 'language.en') continue;
    expect(en[key], key).not.toMatch(/\p{Script=Han}/u);
    expect(zh[key], key).toMatch(/\p{Script=Han}/u);
  }
});

test('every code that the server may send has a name', () => {
  const wanted = [
    ...CATEGORIES.map((code) => `category.${code}`),
    ...DISPOSITIONS.map((code) => `disposition.${code}`),
    ...PRIORITIES.map((code) => `priority.${code}`),
    ...ACTIONS.map((code) => `action.${code}`),
    ...[0, 1, 2, 3, 4].map((level) => `level.${level}`),
  ];
  for (const key of wanted) expect(keys).toContain(key);
});

test('plurals follow the language', () => {
  const message = 'since {since}: {n, one # incident, other # incidents}';
  expect(render(message, { n: 1, since: '03:00' }, 'en')).toBe('since 03:00: 1 incident');
  expect(render(message, { n: 1200, since: '03:00' }, 'en')).toBe('since 03:00: 1,200 incidents');
  expect(render('{n}起', { n: 1 }, 'zh')).toBe('1起');
});

test('times are in the zone of the installation, relative under an hour', () => {
  const clock = new Clock('en', 'Asia/Shanghai');
  const now = Date.parse('2026-03-01T19:12:45Z');
  expect(clock.second(now)).toBe('03:12:45');
  expect(clock.age(now - 245_000, now)).toBe('4:05');
  expect(clock.age(now - 2 * 3600_000, now)).toBe('01:12');
  expect(clock.age(now - 5 * 3600_000, now)).toBe('1 Mar');
  expect(new Clock('zh', 'Asia/Shanghai').exact(now - 5 * 3600_000, now)).toBe('3月1日 22:12:45');
  // The same day of another year is not today.
  expect(clock.exact(now - 365 * 86_400_000, now)).toBe('2025-03-02 03:12:45');
  expect(shortAge(59)).toBe('0:59');
  expect(shortAge(3600)).toBeNull();
});

test('distances are in metres and kilometres', () => {
  expect(distance(85, 'en')).toBe('85 m');
  expect(distance(1240, 'en')).toBe('1.2 km');
});

test('what is said of many at once begins with the gravest, by number, and says how many more', () => {
  const app = { places: new Observable(new Places()) } as App;
  const grave = [11, 12, 13, 14].map((id) => incident({ id, priority: 2, category: 'fire' }));
  const panic = incident({ id: 1482, priority: 1, category: 'panic' });
  locale.set('en');
  expect(newsOf(app, [...grave, panic])).toMatch(
    /^New incident, priority 1, Panic, .*, number 1482\. New .*number 11\. New .*number 12\. And 2 more$/u,
  );
  locale.set('zh');
  expect(newsOf(app, [panic])).toMatch(/^新警情，优先级1，.*编号1482$/u);
});

test("a decoder's zone is said in the reader's language, an installer's as it was written", () => {
  locale.set('zh');
  expect(['contact', 'input 0', 'button 2', '大门', '3', 'toString'].map(zoneName)).toEqual([
    '门磁',
    '输入 0',
    '按钮 2',
    '大门',
    '3',
    'toString',
  ]);
  locale.set('en');
  expect(zoneName('carbon_monoxide')).toBe('carbon monoxide');
});
