/** The colour scale that all maps of a view share. */
import { type ColormapName, colormap, type Rgb } from './colormap.ts';
import { type Drawing, drawPixels, drawText, fillRect, ink } from './drawing.ts';
import type { Box } from './linePlot.ts';
import { ticks, tickText } from './numberText.ts';

const small = { size: 9, color: ink.faint } as const;

function scalePixels(colors: readonly Rgb[]): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(colors.length * 4).fill(255);
  colors.forEach((color, i) => {
    rgba.set(color, 4 * i);
  });
  return rgba;
}

/** What is above an upright bar, in pixels. */
const unitHeight = 13;

/**
 * Draws an upright bar from 0 at its lower end to the maximum, and the unit above it.
 *
 * @param bar         place of the bar itself with its unit
 * @param labelWidth  room for numbers beside it in pixels
 */
export function drawColorBar(
  drawing: Drawing,
  { x, y, width, height }: Box,
  labelWidth: number,
  name: ColormapName,
): void {
  drawText(drawing, 'nats', x, y + 7, width + labelWidth, small);
  const rgba = scalePixels([...colormap(name)].reverse());
  const size = { width, height: height - unitHeight };
  drawPixels(drawing, { width: 1, height: 256, rgba }, x, y + unitHeight, size);
}

/** Draws ticks with numbers at the right of such a bar. */
export function drawTicks(
  drawing: Drawing,
  { x, y, width, height }: Box,
  labelWidth: number,
  maximum: number,
): void {
  const right = x + width;
  const top = y + unitHeight;
  const length = height - unitHeight;
  for (const value of ticks(maximum)) {
    const share = maximum > 0 ? value / maximum : 0;
    const tickY = Math.round(top + (1 - share) * (length - 1));
    fillRect(drawing, ink.faint, right, tickY, 3, 1);
    const baseline = Math.min(y + height, tickY + 4);
    drawText(drawing, tickText(value, maximum), right + 5, baseline, labelWidth - 5, small);
  }
}

/** Draws a lying bar with 0 below its left end and `maximum` below its right one. */
export function drawFlatColorBar(
  drawing: Drawing,
  { x, y, width, height }: Box,
  maximum: string,
  name: ColormapName,
): void {
  const rgba = scalePixels(colormap(name));
  drawPixels(drawing, { width: 256, height: 1, rgba }, x, y, { width, height });
  drawText(drawing, '0', x, y + height + 9, 8, small);
  drawText(drawing, maximum, x + width, y + height + 9, width - 8, { ...small, align: 'right' });
}
