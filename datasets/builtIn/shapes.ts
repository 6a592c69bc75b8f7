/** Built-in shapes: 32×32 RGB; made anew from a fixed seed, without files. */
import { gaussian, random, splitStreams } from '../../src/random.ts';
import { type InMemoryDataset, inMemory } from '../inMemory.ts';

const side = 32;
/** Samples per pixel along each direction, for smooth edges. */
const samples = 3;

/** Whether a point is inside of a shape that reaches to about ±1; y points downwards. */
type Inside = (x: number, y: number) => boolean;

/** A regular polygon with its first corner at the top. */
function polygon(corners: number): Inside {
  const apothem = Math.cos(Math.PI / corners);
  return (x, y) => {
    const sector = (2 * Math.PI) / corners;
    const angle = Math.atan2(x, -y) + 2 * Math.PI;
    const within = (angle % sector) - sector / 2;
    return Math.hypot(x, y) * Math.cos(within) <= apothem;
  };
}

const star: Inside = (x, y) => {
  const sector = (2 * Math.PI) / 5;
  const angle = Math.atan2(x, -y) + 2 * Math.PI;
  const away = Math.abs((((angle + sector / 2) % sector) - sector / 2) / (sector / 2));
  return Math.hypot(x, y) <= 1.05 / (1 + 1.5 * away);
};

/** Shapes by class name. */
const shapes: Readonly<Record<string, Inside>> = {
  circle: (x, y) => Math.hypot(x, y) <= 0.9,
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.72) <= 0.23,
  crescent: (x, y) => Math.hypot(x, y) <= 0.95 && Math.hypot(x - 0.45, y) > 0.72,
  triangle: polygon(3),
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.78,
  pentagon: polygon(5),
  star,
  cross: (x, y) =>
    Math.max(Math.abs(x), Math.abs(y)) <= 0.9 && Math.min(Math.abs(x), Math.abs(y)) <= 0.28,
  heart: (x, y) => {
    const [u, v] = [x * 1.15, -y * 1.15 + 0.15];
    return (u * u + v * v - 0.7) ** 3 - 1.2 * u * u * v ** 3 <= 0;
  },
  arrow: (x, y) =>
    (y <= 0 && y >= -0.95 && Math.abs(x) <= (y + 0.95) * 0.95) ||
    (y > 0 && y <= 0.95 && Math.abs(x) <= 0.27),
};
const classNames = Object.keys(shapes);
const insides = Object.values(shapes);

type Color = readonly [number, number, number];

function drawShape(label: number, next: () => number, pixels: Uint8Array): void {
  const between = (low: number, high: number) => low + (high - low) * next();
  const color = (): Color => [next(), next(), next()];
  const inside = insides[label]!;
  const [background, corner] = [color(), color()];
  let fill = color();
  const distance = (a: Color, b: Color) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  // Some are hard to see, none is invisible.
  while (Math.min(distance(fill, background), distance(fill, corner)) < 0.22) fill = color();
  const angle = gaussian(next) * 0.35;
  const radius = between(6.5, 13);
  const squeeze = between(0.75, 1.25);
  const [centerX, centerY] = [between(11, 21), between(11, 21)];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const stripes = next() < 0.3 ? between(0.4, 1.2) : 0;
  const barY = next() < 0.2 ? between(4, 28) : -100;
  const bar = color();
  const noise = between(0.01, 0.09);
  for (let py = 0; py < side; py++) {
    for (let px = 0; px < side; px++) {
      let covered = 0;
      for (let s = 0; s < samples * samples; s++) {
        const x = px + ((s % samples) + 0.5) / samples - centerX;
        const y = py + (Math.floor(s / samples) + 0.5) / samples - centerY;
        const u = (x * cos + y * sin) / (radius * squeeze);
        const v = (-x * sin + y * cos) / (radius / squeeze);
        if (inside(u, v)) covered++;
      }
      const coverage = covered / (samples * samples);
      const slope = (px + py) / (2 * side);
      const texture = stripes > 0 ? 0.1 * Math.sin(px * stripes + py * 0.7) : 0;
      for (let c = 0; c < 3; c++) {
        const behind = background[c]! * (1 - slope) + corner[c]! * slope + texture;
        let value = behind * (1 - coverage) + fill[c]! * coverage;
        if (Math.abs(py - barY) < 1.5) value = bar[c]!;
        value += gaussian(next) * noise;
        pixels[(py * side + px) * 3 + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
}

/**
 * Makes the built-in shapes: ten classes in equal parts and random order.
 *
 * @param size  number of items, 4,000 (train) or 1,000 (test) by default; the first ones are the
 *              same for every size
 */
export function makeShapes(
  split: 'train' | 'test',
  size: number = split === 'train' ? 4000 : 1000,
): InMemoryDataset {
  const labels = new Uint8Array(size);
  const imageSize = side * side * 3;
  const pixels = new Uint8Array(size * imageSize);
  for (let item = 0; item < size; item++) {
    const next = random(0x5a9e5, splitStreams[split], item);
    labels[item] = Math.floor(next() * classNames.length);
    drawShape(labels[item]!, next, pixels.subarray(item * imageSize, (item + 1) * imageSize));
  }
  return inMemory({
    name: 'shapes',
    split,
    classNames,
    imageShape: [side, side, 3],
    labels,
    pixels,
  });
}
