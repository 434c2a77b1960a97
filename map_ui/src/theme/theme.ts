/** Puts the palette on the document as custom properties, through a constructed sheet (the CSP allows no inline style). */
import { Observable } from '../model/observable.ts';
import { PALETTES, type Palette, type ThemeName } from './palette.ts';

export type ThemeChoice = ThemeName | 'auto';

const KEY = 'lianfang.theme';
const darkness = window.matchMedia('(prefers-color-scheme: light)');

/** What the room looks like now; `auto` follows the system, and is dark where the system says nothing. */
export const theme = new Observable<ThemeName>('dark');
export const themeChoice = new Observable<ThemeChoice>('auto');

const sheet = new CSSStyleSheet();

/** `fallback`: for who has not chosen; a phone page in sunlight begins light. */
export function startTheme(fallback: ThemeChoice = 'auto'): void {
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const kept = localStorage.getItem(KEY);
  themeChoice.set(kept === 'dark' || kept === 'light' ? kept : fallback);
  darkness.addEventListener('change', apply);
  apply();
}

export function chooseTheme(choice: ThemeChoice): void {
  themeChoice.set(choice);
  localStorage.setItem(KEY, choice);
  apply();
}

function apply(): void {
  const choice = themeChoice.value;
  const name: ThemeName = choice === 'auto' ? (darkness.matches ? 'light' : 'dark') : choice;
  sheet.replaceSync(`:root{color-scheme:${name};${declarations(PALETTES[name])}}${PAGE}`);
  theme.set(name);
}

export function declarations(palette: Palette): string {
  const flat: string[] = [];
  for (const [name, value] of Object.entries(palette)) {
    if (typeof value === 'string') flat.push(`--${name}:${value}`);
  }
  for (const [priority, colour] of Object.entries(palette.priority)) {
    flat.push(`--p${priority}:${colour.fill}`, `--p${priority}-ink:${colour.ink}`);
  }
  return flat.join(';');
}

const PAGE = `
*,*::before,*::after{box-sizing:border-box}
html,body{height:100%;margin:0}
body{background:var(--ground);color:var(--text);
 font:14px/1.4 system-ui,"Noto Sans CJK SC","Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;
 font-variant-numeric:tabular-nums;text-autospace:normal;-webkit-text-size-adjust:100%}
lf-app,lf-install{display:block;height:100dvh;overflow:hidden}
`;
