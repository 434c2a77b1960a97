/** The shape of each priority, in a box of 24 by 24: the same paths on the screen (SVG) and on the map (canvas). */
import type { Priority } from '../model/documents.ts';

export interface Shape {
  path: string;
  /** Where the number stands: its middle, and its height. */
  textY: number;
  textSize: number;
}

const circle = (r: number) => `M12 ${12 - r}A${r} ${r} 0 1 1 12 ${12 + r}A${r} ${r} 0 1 1 12 ${12 - r}Z`;

export const SHAPES: Record<Priority, Shape> = {
  1: { path: 'M12 1.5 23.2 21.5H.8Z', textY: 15.4, textSize: 12 },
  2: { path: 'M12 .8 23.2 12 12 23.2.8 12Z', textY: 12.4, textSize: 12 },
  3: { path: 'M3 3H21V21H3Z', textY: 12.4, textSize: 13 },
  4: { path: circle(10), textY: 12.4, textSize: 13 },
  5: { path: circle(6.5), textY: 12.3, textSize: 10 },
};
