/** The divisions by code: names, parents and children. Any tier may be missing, and a boundary too. */
import type { Division, Placed, Tier } from './documents.ts';

export class Places {
  readonly #byCode: ReadonlyMap<string, Division>;
  readonly #children = new Map<string, Division[]>();

  constructor(divisions: readonly Division[] = []) {
    this.#byCode = new Map(divisions.map((division) => [division.code, division]));
    for (const division of divisions) {
      if (division.parent_code === null) continue;
      const siblings = this.#children.get(division.parent_code);
      if (siblings) siblings.push(division);
      else this.#children.set(division.parent_code, [division]);
    }
    for (const siblings of this.#children.values()) siblings.sort((a, b) => a.code.localeCompare(b.code));
  }

  get all(): Iterable<Division> {
    return this.#byCode.values();
  }

  get(code: string | null): Division | undefined {
    return code === null ? undefined : this.#byCode.get(code);
  }

  children(code: string): readonly Division[] {
    return this.#children.get(code) ?? [];
  }

  /** From the city down to the division itself. */
  path(code: string | null): Division[] {
    const path: Division[] = [];
    for (let at = this.get(code); at; at = this.get(at.parent_code)) {
      if (path.includes(at)) break;
      path.unshift(at);
    }
    return path;
  }

  /** The narrowest tier that something carries. */
  leaf(placed: Placed): string | null {
    return placed.village ?? placed.township ?? placed.county;
  }

  /** What to say of something's place, widest first, without the city that everything lies in. */
  tiersOf(placed: Placed): { tier: Tier; code: string; division: Division | undefined }[] {
    const tiers: [Tier, string | null][] = [
      [2, placed.county],
      [3, placed.township],
      [4, placed.village],
    ];
    return tiers.flatMap(([tier, code]) => (code === null ? [] : [{ tier, code, division: this.get(code) }]));
  }
}

/** Whether one code lies in another, by the 2+2+2+3+3 digits of GB/T 2260 and the statistical codes. */
export function liesIn(code: string, outer: string): boolean {
  if (outer.endsWith('00000000')) return code.startsWith(outer.slice(0, 4));
  if (outer.endsWith('000000')) return code.startsWith(outer.slice(0, 6));
  if (outer.endsWith('000')) return code.startsWith(outer.slice(0, 9));
  return code.startsWith(outer);
}

/**
 * A village's statistical name ends in the name of its committee; people, and a narrow column, say the village alone.
 * "孟村村民委员会" -> "孟村", "市场社区居民委员会" -> "市场社区".
 */
export function shortName(name: string): string {
  return name.replace(/村?(村民委员会|村委会)$/u, '村').replace(/(社区)?(居民委员会|居委会)$/u, '社区');
}

/** In Latin script where the reader reads it and the division has it. */
export function divisionName(division: Division, locale: 'zh' | 'en'): string {
  return locale === 'en' && division.name_latin ? division.name_latin : shortName(division.name);
}
