/** Every item of an epoch in the plane of two axes: how contradicted it is, and how unsure. */
import {
  createDrawing,
  type Drawing,
  drawText,
  drawUpwards,
  fillRect,
  ink,
} from './draw/drawing.ts';
import { ticks, tickText } from './draw/numberText.ts';

/** What a scatter view shows: columns of the items that were seen, all of one length. */
export interface ScatterView {
  readonly epoch: number;
  readonly step: number;
  /** Hs */
  readonly selectionLayer: string;
  /** Loss contribution S at Hs in nats, the horizontal axis; what is not finite is left out. */
  readonly contribution: Float32Array;
  /** Entropy of the probabilities in nats, the vertical axis. */
  readonly entropy: Float32Array;
  /** Positions of the selected items in these columns. */
  readonly selected: ArrayLike<number>;
  /** Positions of the items whose label was changed on purpose; undefined when none was. */
  readonly planted: ArrayLike<number> | undefined;
  /** Classes of the data set: the largest entropy is the logarithm of their number. */
  readonly classes: number;
}

/** From so many items on a dot is one pixel in a light shade: their number shows where they are. */
const manyItems = 3000;
/** Share of the plot that dots would cover, were no two of them in one place: fewer ones are larger. */
const covered = 0.04;
const maxDotSide = 3;

/** TensorBoard's cards show this size pixel by pixel, in both of its tabs. */
const width = 350;
const height = 220;
const plot = { left: 30, top: 34, right: width - 6, bottom: height - 30 };
const label = { size: 10, color: ink.faint } as const;

/**
 * Draws all items: S to the right, entropy upwards. The darker a dot, the more items (in powers of
 * two); few items have larger and darker dots. At half of the largest entropy, on both axes, lines divide the plane: contradicted and sure
 * is mislabelled, unsure alone is ambiguous, both is rare, neither is easy.
 *
 * @returns  the drawing, 350 × 220 pixels
 */
export function drawScatterView(view: ScatterView): Drawing {
  const drawing = createDrawing(width, height);
  const { contribution, entropy, classes } = view;
  const largestEntropy = Math.log(Math.max(2, classes));
  let [lowest, highest] = [0, largestEntropy];
  for (const value of contribution) {
    if (!Number.isFinite(value)) continue;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const columns = plot.right - plot.left - 1;
  const rows = plot.bottom - plot.top - 1;
  const xOf = (s: number) => plot.left + Math.round(((s - lowest) / (highest - lowest)) * columns);
  const yOf = (h: number) => plot.bottom - 1 - Math.round((h / largestEntropy) * rows);
  /** The pixel of an item, counted row by row, or undefined where there is none to show. */
  const pixelOf = (position: number): number | undefined => {
    const s = contribution[position]!;
    const h = entropy[position]!;
    if (!Number.isFinite(s) || !Number.isFinite(h)) return undefined;
    return yOf(Math.min(largestEntropy, Math.max(0, h))) * width + xOf(s);
  };

  drawHeader(drawing, view);
  drawAxes(drawing, xOf, yOf, lowest, highest, largestEntropy);
  const planted = new Set(Array.from(view.planted ?? []));
  drawDensity(drawing, contribution.length, pixelOf, (position) => !planted.has(position), [
    [214, 214, 214],
    [40, 40, 40],
  ]);
  drawDensity(drawing, contribution.length, pixelOf, (position) => planted.has(position), [
    [240, 160, 110],
    [200, 70, 0],
  ]);
  for (const position of Array.from(view.selected)) {
    const pixel = pixelOf(position);
    if (pixel === undefined) continue;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    drawMark(drawing, x, y, planted.has(position));
  }
  drawQuadrants(drawing, xOf, yOf, largestEntropy / 2);
  return drawing;
}

/** A disc in a ring: it stands out from the shades of the others. */
function drawMark(drawing: Drawing, x: number, y: number, isPlanted: boolean): void {
  drawing.beginPath();
  drawing.arc(x + 0.5, y + 0.5, 2.5, 0, 2 * Math.PI);
  drawing.fillStyle = isPlanted ? ink.wrong : ink.new;
  drawing.fill();
  drawing.lineWidth = 1;
  drawing.strokeStyle = ink.text;
  drawing.stroke();
}

function drawHeader(drawing: Drawing, view: ScatterView): void {
  const title = `All items · epoch ${view.epoch}, step ${view.step}`;
  drawText(drawing, title, 2, 13, width - 4, { size: 12, bold: true });
  let x = 8;
  const entry = (text: string, mark: () => void) => {
    mark();
    x += 5 + Math.ceil(drawText(drawing, text, x + 5, 28, width - x - 7, label)) + 12;
  };
  const planted = new Set(Array.from(view.planted ?? []));
  const hits = Array.from(view.selected).filter((position) => planted.has(position)).length;
  const misses = view.selected.length - hits;
  if (view.planted === undefined) {
    entry(`selected (${misses})`, () => drawMark(drawing, x, 24, false));
    return;
  }
  entry(`selected, planted wrong label (${hits})`, () => drawMark(drawing, x, 24, true));
  entry(`not planted (${misses})`, () => drawMark(drawing, x, 24, false));
  entry('planted', () => fillRect(drawing, 'rgb(200,70,0)', x - 2, 22, 5, 5));
}

function drawAxes(
  drawing: Drawing,
  xOf: (s: number) => number,
  yOf: (h: number) => number,
  lowest: number,
  highest: number,
  largestEntropy: number,
): void {
  fillRect(drawing, ink.line, plot.left - 1, plot.top, 1, plot.bottom - plot.top);
  fillRect(drawing, ink.line, plot.left - 1, plot.bottom, plot.right - plot.left + 1, 1);
  // One step in both directions, wide enough for the longer one.
  const span = Math.max(highest, -lowest);
  const step = ticks(span)[1]!;
  const firstTick = Math.ceil(lowest / step);
  const count = Math.floor(highest / step) - firstTick + 1;
  const xTicks = Array.from({ length: count }, (_, i) => (firstTick + i) * step);
  for (const tick of xTicks) {
    const x = xOf(tick);
    fillRect(drawing, ink.line, x, plot.bottom, 1, 4);
    const text = `${tick < 0 ? '−' : ''}${tickText(Math.abs(tick), span)}`;
    drawText(drawing, text, Math.min(x, plot.right - 8), plot.bottom + 14, 60, {
      ...label,
      align: 'center',
    });
  }
  for (const tick of ticks(largestEntropy)) {
    fillRect(drawing, ink.line, plot.left - 4, yOf(tick), 3, 1);
    const text = tickText(tick, largestEntropy);
    drawText(drawing, text, plot.left - 6, yOf(tick) + 4, plot.left - 6, {
      ...label,
      align: 'right',
    });
  }
  const axis = { ...label, align: 'right' } as const;
  const middle = (plot.left + plot.right) / 2;
  drawText(drawing, 'contribution S in nats →', middle, height - 4, plot.right - plot.left, {
    ...label,
    align: 'center',
  });
  drawUpwards(drawing, 9, plot.top, () => {
    drawText(drawing, 'entropy in nats →', 0, 0, plot.bottom - plot.top, axis);
  });
}

/**
 * Draws a dot where some items are, shaded by how many there are, from the first colour to the second.
 *
 * @param items  all that the plot shows, these and others: their number decides on the dots
 */
function drawDensity(
  drawing: Drawing,
  items: number,
  pixelOf: (position: number) => number | undefined,
  includes: (position: number) => boolean,
  [few, many]: readonly [readonly number[], readonly number[]],
): void {
  const counts = new Uint32Array(width * height);
  let most = 1;
  for (let position = 0; position < items; position++) {
    const at = includes(position) ? pixelOf(position) : undefined;
    if (at === undefined) continue;
    counts[at]!++;
    most = Math.max(most, counts[at]!);
  }
  const area = (plot.right - plot.left) * (plot.bottom - plot.top);
  const side = Math.min(maxDotSide, Math.max(1, Math.round(Math.sqrt((covered * area) / items))));
  const offset = side >> 1;
  // Half the way to the darkest for a tenth of many items, and for less.
  const least = 0.5 * Math.min(1, Math.max(0, Math.log10(manyItems / items)));
  const colorOf = (count: number) => {
    const share = most === 1 ? 0 : Math.log(count) / Math.log(most);
    const shade = least + (1 - least) * share;
    return few.map((from, i) => Math.round(from + shade * (many[i]! - from)));
  };
  const places: number[] = [];
  for (let at = 0; at < counts.length; at++) if (counts[at]! > 0) places.push(at);
  // The darkest last: larger dots may lie on each other.
  if (side > 1) places.sort((a, b) => counts[a]! - counts[b]!);
  const colors = new Map<number, number[]>();
  // Ten thousands of rectangles take a tenth of a second as such.
  const image = drawing.getImageData(0, 0, width, height);
  const { data } = image;
  for (const at of places) {
    const count = counts[at]!;
    const color = colors.get(count) ?? colorOf(count);
    colors.set(count, color);
    const corner = at - offset * width - offset;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const first = 4 * (corner + y * width + x);
        for (let c = 0; c < 3; c++) data[first + c] = color[c]!;
      }
    }
  }
  drawing.putImageData(image, 0, 0);
}

function drawQuadrants(
  drawing: Drawing,
  xOf: (s: number) => number,
  yOf: (h: number) => number,
  half: number,
): void {
  const x = xOf(half);
  const y = yOf(half);
  for (let at = plot.top; at < plot.bottom; at += 4) fillRect(drawing, ink.faint, x, at, 1, 1);
  for (let at = plot.left; at < plot.right; at += 4) fillRect(drawing, ink.faint, at, y, 1, 1);
  const name = { size: 11, bold: true, color: ink.text } as const;
  const right = { ...name, align: 'right' } as const;
  // Names may reach over the line where that lies far to the left.
  const room = (plot.right - plot.left) / 2;
  drawText(drawing, 'ambiguous', plot.left + 4, plot.top + 12, room, name);
  drawText(drawing, 'easy', plot.left + 4, y + 14, room, name);
  drawText(drawing, 'rare', plot.right - 3, plot.top + 12, room, right);
  drawText(drawing, 'mislabelled', plot.right - 3, y + 14, room, right);
}
