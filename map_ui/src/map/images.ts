/** The priority signs for the map, drawn on a canvas at run time: nothing is fetched, and they are crisp at twice the density. */
import type { Map as MapLibre } from 'maplibre-gl';
import { PRIORITIES, type Priority } from '../model/documents.ts';
import type { Palette } from '../theme/palette.ts';
import { SHAPES } from '../theme/signs.ts';

const SIZE_PX = 26;
const RATIO = 2;

export const imageName = (priority: Priority, hollow: boolean): string =>
  `p${priority}${hollow ? '-hollow' : ''}`;

export const PLATE = 'plate';

export function putImages(map: MapLibre, palette: Palette): void {
  putPlate(map, palette);
  for (const priority of PRIORITIES) {
    for (const hollow of [false, true]) {
      const name = imageName(priority, hollow);
      const image = draw(priority, hollow, palette);
      if (map.hasImage(name)) map.updateImage(name, image);
      else map.addImage(name, image, { pixelRatio: RATIO });
    }
  }
}

/** The plate that a count stands on: it grows with its text, its corners do not. */
function putPlate(map: MapLibre, palette: Palette): void {
  const size = 12 * RATIO;
  const canvas = document.createElement('canvas');
  canvas.width = size;
  canvas.height = size;
  const context = contextOf(canvas);
  context.fillStyle = palette.surface;
  context.strokeStyle = palette.edge;
  context.lineWidth = RATIO;
  context.beginPath();
  context.roundRect(RATIO / 2, RATIO / 2, size - RATIO, size - RATIO, 4 * RATIO);
  context.fill();
  context.stroke();
  const image = context.getImageData(0, 0, size, size);
  const [from, to] = [5 * RATIO, 7 * RATIO];
  if (map.hasImage(PLATE)) map.removeImage(PLATE);
  map.addImage(PLATE, image, { pixelRatio: RATIO, stretchX: [[from, to]], stretchY: [[from, to]] });
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas');
  return context;
}

function draw(priority: Priority, hollow: boolean, palette: Palette): ImageData {
  const pixels = SIZE_PX * RATIO;
  const canvas = document.createElement('canvas');
  canvas.width = pixels;
  canvas.height = pixels;
  const context = contextOf(canvas);
  const colour = palette.priority[priority];
  const shape = SHAPES[priority];
  const path = new Path2D(shape.path);
  // The box of the shapes is 24 units; one unit of room on each side for the edge.
  context.scale(pixels / 26, pixels / 26);
  context.translate(1, 1);
  context.lineJoin = 'round';
  context.strokeStyle = palette.outline;
  context.lineWidth = 2.5;
  context.stroke(path);
  context.fillStyle = hollow ? palette.surface : colour.fill;
  context.fill(path);
  if (hollow) {
    context.save();
    context.clip(path);
    context.strokeStyle = colour.fill;
    context.lineWidth = 5;
    context.stroke(path);
    context.restore();
  }
  context.fillStyle = hollow ? palette.text : colour.ink;
  context.font = `700 ${shape.textSize}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(String(priority), 12, shape.textY);
  return context.getImageData(0, 0, pixels, pixels);
}
