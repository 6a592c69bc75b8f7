/** A small line plot: how the contributions of one item changed over the steps. */
import { type Drawing, drawText, fillRect, ink } from './drawing.ts';
import { signedText } from './numberText.ts';

/** The loss contribution of an item at one layer over the steps in which it was seen. */
export interface ContributionSeries {
  readonly layer: string;
  /** Ascending. */
  readonly steps: readonly number[];
  /** In nats, one for each step. */
  readonly contributions: readonly number[];
}

/** Colours of the lines: black for Hs, then those of Okabe and Ito from dark to bright. */
const seriesColors = [
  '#1a1a1a',
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
] as const;

/** Lines that are drawn at most: more could not be told apart. */
export const maxSeries: number = seriesColors.length;
/** Height of a line of the legend in pixels. */
export const legendLineHeight = 11;

/** A rectangle in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Draws lines over the steps, the last values as dots, and a thin line at 0 nats. */
export function drawLines(
  drawing: Drawing,
  series: readonly ContributionSeries[],
  { x, y, width, height }: Box,
): void {
  const shown = series.slice(0, maxSeries);
  const values = shown.flatMap(({ contributions }) => contributions.filter(Number.isFinite));
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const steps = shown.flatMap((one) => [one.steps[0] ?? 0, one.steps.at(-1) ?? 0]);
  const first = Math.min(...steps);
  const last = Math.max(...steps);
  const xOf = (step: number) =>
    x + 2 + (last > first ? (step - first) / (last - first) : 1) * (width - 4);
  const yOf = (value: number) =>
    y + height - 2 - (high > low ? (value - low) / (high - low) : 0) * (height - 4);
  fillRect(drawing, ink.line, x, Math.round(yOf(0)), width, 1);
  drawing.lineWidth = 1.25;
  drawing.lineJoin = 'round';
  // Hs is drawn last: it is what the item was selected by.
  for (let i = shown.length - 1; i >= 0; i--) {
    const { steps, contributions } = shown[i]!;
    const color = seriesColors[i]!;
    drawing.strokeStyle = color;
    drawing.beginPath();
    let isDown = false;
    steps.forEach((step, k) => {
      const value = contributions[k]!;
      if (!Number.isFinite(value)) isDown = false;
      else if (isDown) drawing.lineTo(xOf(step), yOf(value));
      else drawing.moveTo(xOf(step), yOf(value));
      isDown ||= Number.isFinite(value);
    });
    drawing.stroke();
    const end = contributions.at(-1) ?? Number.NaN;
    if (!Number.isFinite(end)) continue;
    drawing.fillStyle = color;
    drawing.beginPath();
    drawing.arc(xOf(steps.at(-1)!), yOf(end), 2, 0, 2 * Math.PI);
    drawing.fill();
  }
}

/** Draws names and last values of lines in their colours, one below the other. */
export function drawLegend(
  drawing: Drawing,
  series: readonly ContributionSeries[],
  x: number,
  firstBaseline: number,
  width: number,
): void {
  const valueWidth = 47;
  const lines = Math.min(series.length, maxSeries);
  for (let i = 0; i < lines; i++) {
    const { layer, contributions } = series[i]!;
    const color = seriesColors[i]!;
    const baseline = firstBaseline + i * legendLineHeight;
    drawText(drawing, layer, x, baseline, width - valueWidth - 3, { size: 9, color, keep: 'end' });
    const value = contributions.at(-1);
    if (value === undefined) continue;
    const style = { size: 9, color, align: 'right' } as const;
    drawText(drawing, signedText(value), x + width, baseline, valueWidth, style);
  }
}
