/** Times and distances in words. The installation's zone rules, never the browser's. */

export type Locale = 'zh' | 'en';
export const LANGUAGE_TAG: Record<Locale, string> = { zh: 'zh-CN', en: 'en-GB' };

/** "4:05" under an hour; null beyond, where a clock time says more. */
export function shortAge(seconds: number): string | null {
  if (seconds >= 3600) return null;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: Locale, timeZone: string, name: string, options: Intl.DateTimeFormatOptions) {
  const key = `${locale}|${timeZone}|${name}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(LANGUAGE_TAG[locale], { timeZone, hourCycle: 'h23', ...options });
    formats.set(key, made);
  }
  return made;
}

export class Clock {
  constructor(
    readonly locale: Locale,
    readonly timeZone: string,
  ) {}

  /** 03:12:45 */
  second(at: number | string): string {
    return format(this.locale, this.timeZone, 'second', {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    }).format(new Date(at));
  }

  /** 03:12 */
  minute(at: number | string): string {
    return format(this.locale, this.timeZone, 'minute', { hour: '2-digit', minute: '2-digit' }).format(
      new Date(at),
    );
  }

  /** 23 Nov, 11月23日 */
  day(at: number | string): string {
    return format(this.locale, this.timeZone, 'day', { month: 'short', day: 'numeric' }).format(new Date(at));
  }

  /** 2026-03-03 02:10: of any year, and in columns. */
  dated(at: number | string): string {
    const date = format('en', this.timeZone, 'dated', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    }).formatToParts(new Date(at));
    const part = (type: string) => date.find((one) => one.type === type)?.value ?? '';
    return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}`;
  }

  /** Today only the time, otherwise the day before it, with its year where that is another. */
  exact(at: number | string, now: number): string {
    const [date, today] = [this.dated(at).slice(0, 10), this.dated(now).slice(0, 10)];
    if (date === today) return this.second(at);
    const day = date.slice(0, 4) === today.slice(0, 4) ? this.day(at) : date;
    return `${day} ${this.second(at)}`;
  }

  /** What a queue row shows: how long under an hour, since when beyond. */
  age(openedAt: number, now: number): string {
    const seconds = Math.max(0, Math.floor((now - openedAt) / 1000));
    return (
      shortAge(seconds) ?? (this.day(openedAt) === this.day(now) ? this.minute(openedAt) : this.day(openedAt))
    );
  }
}

/** 85 m, 1.2 km */
export function distance(metres: number, locale: Locale): string {
  const km = metres >= 1000;
  return new Intl.NumberFormat(LANGUAGE_TAG[locale], {
    style: 'unit',
    unit: km ? 'kilometer' : 'meter',
    maximumFractionDigits: km ? 1 : 0,
  }).format(km ? metres / 1000 : metres);
}
