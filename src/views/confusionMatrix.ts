/** The confusion matrix as a picture: which classes are taken for which. */
import { colormap, type Rgb } from './draw/colormap.ts';
import { inkOn } from './draw/contrast.ts';
import {
  createDrawing,
  type Drawing,
  drawPixels,
  drawText,
  drawUpwards,
  ink,
  textWidth,
} from './draw/drawing.ts';

/** What is drawn. */
export interface ConfusionMatrix {
  /** Counts by label (row) and output (column), [classes, classes]. */
  readonly counts: readonly (readonly number[])[];
  readonly classNames: readonly string[];
  /** Above the matrix, such as 'step 390, accuracy 0.73'. */
  readonly title: string;
}

/** More classes would take less than a pixel each. */
export const maxDrawnClasses = 900;

/** Width of a TensorBoard card in pixels; pictures are a multiple of it, their reduction. */
const cardWidth = 350;
/** So many classes fit a card with their counts, and one of twice its width. */
const classesOfCard = 14;
const classesOfTwo = 34;
/** Smallest cell with room for a count, in pixels of the picture. */
const smallestCellWithText = 16;
const largestCell = 60;
const headerHeight = 34;
const legendHeight = 30;
const margin = 4;
const legendTicks = [0, 0.01, 0.1, 0.25, 0.5, 1];

/** Shares are drawn by their root: one mistake in a hundred must be seen. */
function colorOf(share: number): Rgb {
  const table = colormap('ocean');
  return table[255 - Math.round(255 * Math.sqrt(share))]!;
}

const css = ([red, green, blue]: Rgb) => `rgb(${red},${green},${blue})`;

/** A count in the room of four digits: "9999", "12k". */
function countText(count: number): string {
  return count < 10_000 ? String(count) : `${Math.round(count / 1000)}k`;
}

/** Measures of the picture in pixels. */
interface Layout {
  readonly width: number;
  /** Of the row of class names at the left and of that above. */
  readonly namesWidth: number;
  readonly namesHeight: number;
  readonly cell: number;
  /** Every so many classes are named. */
  readonly nameStride: number;
}

function layoutFor(classes: number): Layout {
  const reduction = classes <= classesOfCard ? 1 : classes <= classesOfTwo ? 2 : 3;
  const width = cardWidth * reduction;
  const namesWidth = classes <= 6 ? 124 : 54 + 16 * reduction;
  // Whole multiples of the reduction: TensorBoard's cards drop the pixels between them.
  const widest = Math.floor((width - namesWidth - margin) / classes / reduction) * reduction;
  const cell = Math.max(1, Math.min(widest, largestCell));
  return {
    width,
    namesWidth,
    namesHeight: namesWidth,
    cell,
    nameStride: Math.ceil(10 / cell),
  };
}

/**
 * Draws a confusion matrix: a row for each label, a column for each output, coloured by the share of
 * the row, with counts where they fit.
 *
 * @returns  the drawing, 350, 700 or 1,050 pixels wide
 */
export function drawConfusionMatrix({ counts, classNames, title }: ConfusionMatrix): Drawing {
  const classes = classNames.length;
  const layout = layoutFor(classes);
  const { width, namesWidth, namesHeight, cell } = layout;
  const top = headerHeight + namesHeight;
  const drawing = createDrawing(width, top + classes * cell + margin + legendHeight);
  drawText(drawing, title, 3, 13, width - 6, { size: 11, bold: true });
  const legend = 'row: label · column: output · colour: share of the row';
  drawText(drawing, legend, 3, 28, width - 6, { size: 10, color: ink.faint });
  drawNames(drawing, classNames, layout);
  drawShares(drawing, counts, namesWidth, top, cell);
  if (cell >= smallestCellWithText) drawCounts(drawing, counts, namesWidth, top, cell);
  drawLegend(drawing, namesWidth, top + classes * cell + margin, width - namesWidth - margin - 14);
  return drawing;
}

/** Class names at the left, and those above read upwards. */
function drawNames(
  drawing: Drawing,
  classNames: readonly string[],
  { namesWidth, namesHeight, cell, nameStride }: Layout,
): void {
  const size = Math.min(11, Math.max(9, cell - 2));
  const top = headerHeight + namesHeight;
  for (let k = 0; k < classNames.length; k += nameStride) {
    const middle = (k + 0.5) * cell + 0.36 * size;
    const name = classNames[k]!;
    const style = { size, align: 'right' } as const;
    drawText(drawing, name, namesWidth - 4, Math.round(top + middle), namesWidth - 7, style);
    drawUpwards(drawing, Math.round(namesWidth + middle), top - 4, () => {
      drawText(drawing, name, 0, 0, namesHeight - 6, { size });
    });
  }
}

/** The cells, and a frame around each of the diagonal. */
function drawShares(
  drawing: Drawing,
  counts: readonly (readonly number[])[],
  left: number,
  top: number,
  cell: number,
): void {
  const classes = counts.length;
  const rgba = new Uint8ClampedArray(classes * classes * 4).fill(255);
  counts.forEach((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    row.forEach((count, output) => {
      if (count > 0) rgba.set(colorOf(count / total), 4 * (label * classes + output));
    });
  });
  const side = classes * cell;
  drawPixels(drawing, { width: classes, height: classes, rgba }, left, top, {
    width: side,
    height: side,
  });
  drawing.strokeStyle = ink.line;
  drawing.lineWidth = 1;
  drawing.strokeRect(left - 0.5, top - 0.5, side + 1, side + 1);
  if (cell < smallestCellWithText) return;
  for (let k = 1; k < classes; k++) {
    drawing.fillStyle = '#e8e8e8';
    drawing.fillRect(left + k * cell, top, 1, side);
    drawing.fillRect(left, top + k * cell, side, 1);
  }
}

/** The largest size of a count, from 9 to 13 pixels, at which it is not wider than its cell. */
function fontSizeFor(drawing: Drawing, text: string, bold: boolean, width: number): number {
  for (let size = 13; size > 9; size--) {
    if (textWidth(drawing, text, { size, bold }) <= width) return size;
  }
  return 9;
}

function drawCounts(
  drawing: Drawing,
  counts: readonly (readonly number[])[],
  left: number,
  top: number,
  cell: number,
): void {
  counts.forEach((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    row.forEach((count, output) => {
      if (count === 0) return;
      const text = countText(count);
      const bold = label === output;
      const size = fontSizeFor(drawing, text, bold, cell - 2);
      const x = left + (output + 0.5) * cell;
      const y = Math.round(top + (label + 0.5) * cell + 0.36 * size);
      drawText(drawing, text, x, y, cell, {
        size,
        bold,
        color: inkOn(colorOf(count / total)),
        align: 'center',
      });
    });
  });
}

/** The colours with the shares that they stand for. */
function drawLegend(drawing: Drawing, left: number, top: number, wanted: number): void {
  const width = Math.min(wanted, 420);
  for (let x = 0; x < width; x++) {
    drawing.fillStyle = css(colorOf((x / (width - 1)) ** 2));
    drawing.fillRect(left + x, top, 1, 8);
  }
  for (const tick of legendTicks) {
    const x = left + Math.sqrt(tick) * (width - 1);
    drawing.fillStyle = ink.faint;
    drawing.fillRect(Math.round(x), top + 8, 1, 3);
    const text = tick === 1 ? '100 %' : `${100 * tick}`;
    drawText(drawing, text, x, top + 21, 60, { size: 9, color: ink.faint, align: 'center' });
  }
}
