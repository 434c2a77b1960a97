/** Places for what lies at one point, in pixels around it: a ring while few, then a spiral. */
export interface Spot {
  x: number;
  y: number;
}

const RING = 8;
const STEP_PX = 44;

export function fanSpots(n: number): Spot[] {
  if (n <= RING) {
    const radius = Math.max(58, (n * STEP_PX) / (2 * Math.PI));
    return Array.from({ length: n }, (_, index) => at(-Math.PI / 2 + (index * 2 * Math.PI) / n, radius));
  }
  const spots: Spot[] = [];
  let angle = -Math.PI / 2;
  let radius = 64;
  while (spots.length < n) {
    spots.push(at(angle, radius));
    angle += STEP_PX / radius;
    radius += (STEP_PX * STEP_PX) / (2 * Math.PI * radius);
  }
  return spots;
}

const at = (angle: number, radius: number): Spot => ({
  x: Math.round(radius * Math.cos(angle)),
  y: Math.round(radius * Math.sin(angle)),
});
