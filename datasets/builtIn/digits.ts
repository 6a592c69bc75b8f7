/** Built-in digits: 28×28 grey, drawn from strokes; made anew from a fixed seed, without files. */
import { gaussian, random, splitStreams } from '../../src/random.ts';
import { type InMemoryDataset, inMemory } from '../inMemory.ts';

const side = 28;
const classNames = 'zero one two three four five six seven eight nine'.split(' ');

type Point = readonly [x: number, y: number];
/** A smooth curve through its points. */
type Stroke = readonly Point[];

/**
 * The ways to write each digit, in a unit square with y downwards. Where a line has a corner, one
 * stroke ends and the next begins.
 */
const glyphs: readonly (readonly (readonly Stroke[])[])[] = [
  [
    [
      [
        [0.5, 0.03],
        [0.22, 0.17],
        [0.12, 0.5],
        [0.22, 0.84],
        [0.5, 0.97],
        [0.79, 0.83],
        [0.88, 0.5],
        [0.78, 0.16],
        [0.47, 0.04],
      ],
    ],
    [
      [
        [0.6, 0.05],
        [0.25, 0.2],
        [0.15, 0.6],
        [0.35, 0.94],
        [0.7, 0.85],
        [0.85, 0.45],
        [0.7, 0.12],
        [0.45, 0.1],
      ],
    ],
  ],
  [
    [
      [
        [0.5, 0.03],
        [0.5, 0.97],
      ],
    ],
    [
      [
        [0.3, 0.25],
        [0.53, 0.04],
      ],
      [
        [0.53, 0.04],
        [0.53, 0.97],
      ],
    ],
    [
      [
        [0.3, 0.25],
        [0.53, 0.04],
      ],
      [
        [0.53, 0.04],
        [0.53, 0.95],
      ],
      [
        [0.25, 0.95],
        [0.8, 0.95],
      ],
    ],
  ],
  [
    [
      [
        [0.15, 0.26],
        [0.32, 0.06],
        [0.65, 0.05],
        [0.82, 0.26],
        [0.68, 0.52],
        [0.38, 0.77],
        [0.12, 0.95],
      ],
      [
        [0.12, 0.95],
        [0.9, 0.93],
      ],
    ],
    [
      [
        [0.18, 0.2],
        [0.5, 0.04],
        [0.8, 0.22],
        [0.62, 0.58],
        [0.28, 0.9],
        [0.14, 0.82],
        [0.34, 0.74],
        [0.6, 0.92],
        [0.9, 0.86],
      ],
    ],
  ],
  [
    [
      [
        [0.15, 0.15],
        [0.45, 0.03],
        [0.78, 0.18],
        [0.7, 0.4],
        [0.4, 0.48],
      ],
      [
        [0.4, 0.48],
        [0.78, 0.56],
        [0.86, 0.78],
        [0.52, 0.97],
        [0.12, 0.85],
      ],
    ],
    [
      [
        [0.15, 0.06],
        [0.82, 0.06],
      ],
      [
        [0.82, 0.06],
        [0.42, 0.42],
      ],
      [
        [0.42, 0.42],
        [0.8, 0.55],
        [0.82, 0.82],
        [0.48, 0.97],
        [0.14, 0.86],
      ],
    ],
  ],
  [
    [
      [
        [0.66, 0.97],
        [0.66, 0.03],
      ],
      [
        [0.66, 0.03],
        [0.1, 0.66],
      ],
      [
        [0.1, 0.66],
        [0.92, 0.66],
      ],
    ],
    [
      [
        [0.25, 0.04],
        [0.2, 0.35],
        [0.16, 0.55],
      ],
      [
        [0.16, 0.55],
        [0.88, 0.52],
      ],
      [
        [0.72, 0.1],
        [0.68, 0.97],
      ],
    ],
  ],
  [
    [
      [
        [0.82, 0.05],
        [0.27, 0.06],
      ],
      [
        [0.27, 0.06],
        [0.2, 0.45],
      ],
      [
        [0.2, 0.45],
        [0.5, 0.37],
        [0.82, 0.52],
        [0.82, 0.78],
        [0.5, 0.97],
        [0.13, 0.87],
      ],
    ],
  ],
  [
    [
      [
        [0.72, 0.03],
        [0.4, 0.22],
        [0.18, 0.55],
        [0.22, 0.86],
        [0.5, 0.97],
        [0.8, 0.83],
        [0.78, 0.58],
        [0.5, 0.5],
        [0.22, 0.7],
      ],
    ],
    [
      [
        [0.45, 0.03],
        [0.22, 0.4],
        [0.2, 0.8],
        [0.5, 0.97],
        [0.78, 0.8],
        [0.62, 0.56],
        [0.24, 0.7],
      ],
    ],
  ],
  [
    [
      [
        [0.12, 0.06],
        [0.88, 0.06],
      ],
      [
        [0.88, 0.06],
        [0.6, 0.45],
        [0.42, 0.97],
      ],
    ],
    [
      [
        [0.12, 0.06],
        [0.88, 0.06],
      ],
      [
        [0.88, 0.06],
        [0.4, 0.97],
      ],
      [
        [0.32, 0.5],
        [0.8, 0.5],
      ],
    ],
  ],
  [
    [
      [
        [0.5, 0.48],
        [0.22, 0.32],
        [0.28, 0.1],
        [0.5, 0.03],
        [0.74, 0.12],
        [0.76, 0.32],
        [0.5, 0.48],
        [0.2, 0.66],
        [0.22, 0.9],
        [0.5, 0.97],
        [0.8, 0.89],
        [0.82, 0.66],
        [0.5, 0.48],
      ],
    ],
    [
      [
        [0.78, 0.14],
        [0.45, 0.04],
        [0.24, 0.24],
        [0.5, 0.48],
        [0.78, 0.72],
        [0.5, 0.97],
        [0.22, 0.76],
        [0.5, 0.46],
        [0.78, 0.14],
      ],
    ],
  ],
  [
    [
      [
        [0.8, 0.3],
        [0.55, 0.52],
        [0.25, 0.42],
        [0.22, 0.17],
        [0.5, 0.03],
        [0.78, 0.14],
        [0.8, 0.3],
      ],
      [
        [0.8, 0.3],
        [0.78, 0.62],
        [0.62, 0.97],
      ],
    ],
    [
      [
        [0.76, 0.2],
        [0.5, 0.04],
        [0.24, 0.22],
        [0.4, 0.48],
        [0.74, 0.34],
      ],
      [
        [0.76, 0.16],
        [0.72, 0.97],
      ],
    ],
  ],
];

/** Points on the Catmull–Rom curve through the points of a stroke. */
function smooth(stroke: Stroke): Point[] {
  if (stroke.length < 3) return [...stroke];
  const points: Point[] = [];
  const piecesPerSpan = 5;
  for (let i = 0; i + 1 < stroke.length; i++) {
    const [p0, p1, p2, p3] = [
      stroke[Math.max(0, i - 1)]!,
      stroke[i]!,
      stroke[i + 1]!,
      stroke[Math.min(stroke.length - 1, i + 2)]!,
    ];
    for (let piece = 0; piece < piecesPerSpan; piece++) {
      const t = piece / piecesPerSpan;
      const at = (axis: 0 | 1) =>
        0.5 *
        (2 * p1[axis] +
          (p2[axis] - p0[axis]) * t +
          (2 * p0[axis] - 5 * p1[axis] + 4 * p2[axis] - p3[axis]) * t * t +
          (3 * p1[axis] - p0[axis] - 3 * p2[axis] + p3[axis]) * t ** 3);
      points.push([at(0), at(1)]);
    }
  }
  points.push(stroke.at(-1)!);
  return points;
}

/** Raises the ink along a line to its coverage: 1 within half the thickness, 0 a pixel farther out. */
function drawLine(ink: Float32Array, [x0, y0]: Point, [x1, y1]: Point, thickness: number): void {
  const reach = thickness / 2 + 0.5;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const lengthSquared = Math.max(1e-9, dx * dx + dy * dy);
  const first = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - reach));
  const last = (a: number, b: number) => Math.min(side - 1, Math.ceil(Math.max(a, b) + reach));
  const [left, right] = [first(x0, x1), last(x0, x1)];
  const bottom = last(y0, y1);
  for (let y = first(y0, y1); y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / lengthSquared));
      const [fromX, fromY] = [x - x0 - t * dx, y - y0 - t * dy];
      const coverage = Math.min(1, reach - Math.sqrt(fromX * fromX + fromY * fromY));
      if (coverage > ink[y * side + x]!) ink[y * side + x] = coverage;
    }
  }
}

/** Three-pixel blur along rows and columns: each neighbour gets `share`. */
function blur(ink: Float32Array, share: number): void {
  for (const step of [1, side]) {
    const source = ink.slice();
    for (let i = 0; i < ink.length; i++) {
      const before = i < step ? 0 : source[i - step]!;
      const after = i + step < ink.length ? source[i + step]! : 0;
      ink[i] = source[i]! * (1 - 2 * share) + share * (before + after);
    }
  }
}

function drawDigit(digit: number, next: () => number, pixels: Uint8Array): void {
  const between = (low: number, high: number) => low + (high - low) * next();
  const styles = glyphs[digit]!;
  const strokes = styles[Math.floor(next() * styles.length)]!;
  const angle = gaussian(next) * 0.16;
  const slant = gaussian(next) * 0.2;
  const [width, height] = [between(11, 18), between(16, 21)];
  const [left, top] = [side / 2 + between(-2, 2) - 0.5, side / 2 + between(-2, 2) - 0.5];
  const wobble = between(0.01, 0.045);
  const place = ([x, y]: Point): Point => {
    const u = (x - 0.5 + gaussian(next) * wobble) * width;
    const v = (y - 0.5 + gaussian(next) * wobble) * height;
    const sheared = u - slant * v;
    return [
      left + sheared * Math.cos(angle) - v * Math.sin(angle),
      top + sheared * Math.sin(angle) + v * Math.cos(angle),
    ];
  };
  const thickness = between(1.1, 3.1);
  const ink = new Float32Array(side * side);
  // Strokes meet where they did in the glyph: equal points move equally.
  const placed = new Map<string, Point>();
  for (const stroke of strokes) {
    const points = smooth(
      stroke.map((point) => {
        const key = point.join();
        const known = placed.get(key) ?? place(point);
        placed.set(key, known);
        return known;
      }),
    );
    for (let i = 0; i + 1 < points.length; i++)
      drawLine(ink, points[i]!, points[i + 1]!, thickness);
  }
  // Now and then a stray line, as on forms.
  if (next() < 0.08) {
    const end = (): Point => [between(0, side), between(0, side)];
    drawLine(ink, end(), end(), between(0.6, 1.4));
  }
  blur(ink, between(0.02, 0.17));
  const noise = between(0, 0.07);
  const strength = between(0.75, 1.05);
  for (let i = 0; i < ink.length; i++) {
    const value = ink[i]! * strength + gaussian(next) * noise;
    pixels[i] = Math.round(255 * Math.min(1, Math.max(0, value)));
  }
}

/**
 * Makes the built-in digits: ten classes in equal parts and random order.
 *
 * @param size  number of items, 4,000 (train) or 1,000 (test) by default; the first ones are the
 *              same for every size
 */
export function makeDigits(
  split: 'train' | 'test',
  size: number = split === 'train' ? 4000 : 1000,
): InMemoryDataset {
  const labels = new Uint8Array(size);
  const pixels = new Uint8Array(size * side * side);
  for (let item = 0; item < size; item++) {
    const next = random(0xd1617, splitStreams[split], item);
    labels[item] = Math.floor(next() * 10);
    drawDigit(labels[item]!, next, pixels.subarray(item * side * side, (item + 1) * side * side));
  }
  return inMemory({
    name: 'digits',
    split,
    classNames,
    imageShape: [side, side, 1],
    labels,
    pixels,
  });
}
