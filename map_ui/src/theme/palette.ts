/** Every colour, once. The tests hold contrast and the distances that a colour-blind eye would see. */
import type { Priority } from '../model/documents.ts';

export type ThemeName = 'dark' | 'light';

export interface PriorityColour {
  fill: string;
  /** The number inside the shape. */
  ink: string;
}

export interface Palette {
  /** Behind the map. */
  ground: string;
  surface: string;
  /** Rows, buttons and fields that stand on a surface. */
  raised: string;
  /** A row that is an unacknowledged threat to life. */
  grave: string;
  /** A chosen row. */
  chosen: string;
  line: string;
  /** Edges of buttons and fields: 3:1 against what they stand on. */
  edge: string;
  text: string;
  muted: string;
  accent: string;
  /** Text on the accent. */
  onAccent: string;
  good: string;
  /** Lost connection, refused actions, late marks. */
  bad: string;
  badGround: string;
  onBad: string;
  /** The dark or light edge around every priority shape, so that it stands on any ground. */
  outline: string;
  map: {
    outside: string;
    land: string;
    county: string;
    township: string;
    village: string;
    cell: string;
    label: string;
    labelQuiet: string;
    halo: string;
    site: string;
    link: string;
  };
  priority: Record<Priority, PriorityColour>;
}

export const PALETTES: Record<ThemeName, Palette> = {
  dark: {
    ground: '#0b0f14',
    surface: '#11171e',
    raised: '#1a222c',
    grave: '#2c1417',
    chosen: '#1e3148',
    line: '#2a3541',
    edge: '#6b7a8a',
    text: '#eef2f6',
    muted: '#bac5d0',
    accent: '#7cc0ff',
    onAccent: '#06121f',
    good: '#63c98a',
    bad: '#ff9d8a',
    badGround: '#6d1a14',
    onBad: '#ffffff',
    outline: '#06090d',
    map: {
      outside: '#0b0f14',
      land: '#121921',
      county: '#5d7185',
      township: '#4c5e70',
      village: '#3d4c5b',
      cell: '#3a4856',
      label: '#c3ced9',
      labelQuiet: '#8d9bab',
      halo: '#0b0f14',
      site: '#5b6c7d',
      link: '#7cc0ff',
    },
    priority: {
      1: { fill: '#e2282a', ink: '#ffffff' },
      2: { fill: '#ff8c42', ink: '#1b0d02' },
      3: { fill: '#ffd23f', ink: '#1b1402' },
      4: { fill: '#4f9bff', ink: '#03101f' },
      5: { fill: '#5c6670', ink: '#ffffff' },
    },
  },
  light: {
    ground: '#e9edf1',
    surface: '#ffffff',
    raised: '#f2f5f8',
    grave: '#fdeaea',
    chosen: '#dbeafb',
    line: '#d3dae1',
    edge: '#76828f',
    text: '#12181f',
    muted: '#3f4b57',
    accent: '#0b5cad',
    onAccent: '#ffffff',
    good: '#1b6b3a',
    bad: '#a3190f',
    badGround: '#a3190f',
    onBad: '#ffffff',
    outline: '#1b2229',
    map: {
      outside: '#e3e8ec',
      land: '#f4f6f8',
      county: '#66788a',
      township: '#94a3b2',
      village: '#bcc7d1',
      cell: '#b3bfca',
      label: '#25303b',
      labelQuiet: '#556270',
      halo: '#f7f9fa',
      site: '#7f8d9b',
      link: '#0b5cad',
    },
    priority: {
      1: { fill: '#c8102e', ink: '#ffffff' },
      2: { fill: '#f0742a', ink: '#1b0d02' },
      3: { fill: '#ffc61f', ink: '#1b1402' },
      4: { fill: '#17479e', ink: '#ffffff' },
      5: { fill: '#aab3bc', ink: '#12181f' },
    },
  },
};
