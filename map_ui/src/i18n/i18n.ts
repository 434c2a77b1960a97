/**
 * Messages by key. `{name}` is replaced; `{n, one # alarm, other # alarms}` chooses by the language's plural rules.
 */
import { LANGUAGE_TAG, type Locale } from '../model/format.ts';
import { Observable } from '../model/observable.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

export type MessageKey = keyof typeof zh;
export type Values = Record<string, string | number>;

const CATALOGUES: Record<Locale, Record<MessageKey, string>> = { zh, en };
const KEY = 'lianfang.locale';

export const locale = new Observable<Locale>('zh');

/** The language kept from last time, else the browser's. */
export function startLocale(): void {
  const kept = localStorage.getItem(KEY);
  apply(kept === 'zh' || kept === 'en' ? kept : navigator.language.startsWith('zh') ? 'zh' : 'en');
}

/** The account's own language, unless this browser's user chose one. */
export function suggestLocale(suggested: Locale): void {
  if (localStorage.getItem(KEY) === null) apply(suggested);
}

export function chooseLocale(chosen: Locale): void {
  localStorage.setItem(KEY, chosen);
  apply(chosen);
}

function apply(chosen: Locale): void {
  document.documentElement.lang = LANGUAGE_TAG[chosen];
  locale.set(chosen);
}

export function t(key: MessageKey, values: Values = {}): string {
  return render(CATALOGUES[locale.value][key], values, locale.value);
}

/** A message whose last part comes from the server; what the catalogue lacks is shown as it is, never hidden. */
export function named(prefix: string, code: string): string {
  const key = `${prefix}.${code}`;
  return key in zh ? t(key as MessageKey) : code;
}

/** A zone in words, where our decoders named it (`motion`, `input 0`); what an installer or a panel wrote, as it is. */
export function zoneName(zone: string): string {
  const numbered = /^(input|button) (.+)$/u.exec(zone);
  return numbered ? `${named('zone', numbered[1] ?? '')} ${numbered[2]}` : named('zone', zone);
}

/** Making a formatter costs a thousand times what using it does. */
const NUMBERS: Record<Locale, Intl.NumberFormat> = {
  zh: new Intl.NumberFormat(LANGUAGE_TAG.zh),
  en: new Intl.NumberFormat(LANGUAGE_TAG.en),
};
const PLURALS: Record<Locale, Intl.PluralRules> = {
  zh: new Intl.PluralRules(LANGUAGE_TAG.zh),
  en: new Intl.PluralRules(LANGUAGE_TAG.en),
};

const PLURAL = /\{(\w+), one ([^{}]*), other ([^{}]*)\}/gu;

export function render(message: string, values: Values, language: Locale): string {
  return message
    .replace(PLURAL, (_, name: string, one: string, other: string) => {
      const n = Number(values[name]);
      const rule = PLURALS[language].select(n);
      const digits = NUMBERS[language].format(n);
      return (rule === 'one' ? one : other).replaceAll('#', digits);
    })
    .replace(/\{(\w+)\}/gu, (whole, name: string) => {
      const value = values[name];
      if (typeof value === 'number') return NUMBERS[language].format(value);
      return value ?? whole;
    });
}
