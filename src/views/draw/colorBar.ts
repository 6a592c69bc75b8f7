/** The colour scale that all maps of a view share. */
import { type ColormapName, colormap, type Rgb } from './colormap.ts';
import { type Drawing, drawPixels, drawText, fillRect, ink } from './drawing.ts';
import type { Box } from './linePlot.ts';
import { ticks, tickText } from './numberText.ts';

function scalePixels(colors: readonly Rgb[]): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(colors.length * 4).fill(255);
  colors.forEach((color, i) => {
    rgba.set(color, 4 * i);
  });
  return rgba;
}

/**
 * Draws an upright bar from 0 at its lower end to the maximum, ticks with numbers at its right, and the unit.
 *
 * @param bar         place of the bar itself
 * @param labelWidth  room for the numbers in pixels
 */
export function drawColorBar(
  drawing: Drawing,
  { x, y, width, height }: Box,
  labelWidth: number,
  maximum: number,
  name: ColormapName,
): void {
  const style = { size: 9, color: ink.faint };
  const right = x + width;
  drawText(drawing, 'nats', x, y + 7, width + labelWidth, style);
  const top = y + 13;
  const length = height - 13;
  const rgba = scalePixels([...colormap(name)].reverse());
  drawPixels(drawing, { width: 1, height: 256, rgba }, x, top, { width, height: length });
  for (const value of ticks(maximum)) {
    const share = maximum > 0 ? value / maximum : 0;
    const tickY = Math.round(top + (1 - share) * (length - 1));
    fillRect(drawing, ink.faint, right, tickY, 3, 1);
    const baseline = Math.min(y + height, tickY + 4);
    drawText(drawing, tickText(value, maximum), right + 5, baseline, labelWidth - 5, style);
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
  const style = { size: 9, color: ink.faint } as const;
  drawText(drawing, '0', x, y + height + 9, 8, style);
  drawText(drawing, maximum, x + width, y + height + 9, width - 8, { ...style, align: 'right' });
}
