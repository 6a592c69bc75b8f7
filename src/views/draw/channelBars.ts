/** Contributions per channel of a layer without space, as bars. */
import { type Drawing, drawText, fillRect, ink } from './drawing.ts';
import type { Box } from './linePlot.ts';
import { valueText } from './numberText.ts';

const small = { size: 9, color: ink.faint } as const;

/**
 * Contributions per channel as bars on a line in the middle: upwards what adds to the loss,
 * downwards what reduces it. More channels than pixels share a bar, the largest one.
 */
export function drawChannelBars(
  drawing: Drawing,
  channels: Float32Array,
  { x, y, width, height }: Box,
): void {
  const middle = y + height / 2;
  const reach = height / 2 - 14;
  let largest = 0;
  for (const value of channels) {
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  }
  const bars = Math.min(channels.length, width);
  const barWidth = width / bars;
  const heightOf = (value: number) =>
    largest > 0 ? (Math.min(value, largest) / largest) * reach : 0;
  for (let bar = 0; bar < bars; bar++) {
    const part = channels.subarray(
      Math.floor((bar * channels.length) / bars),
      Math.floor(((bar + 1) * channels.length) / bars),
    );
    const up = Math.max(0, ...part);
    const down = Math.max(0, ...part.map((value) => -value));
    const left = x + bar * barWidth;
    const barInk = Math.max(1, barWidth - (barWidth > 3 ? 1 : 0));
    fillRect(drawing, ink.wrong, left, middle - heightOf(up), barInk, heightOf(up));
    fillRect(drawing, ink.new, left, middle, barInk, heightOf(down));
  }
  fillRect(drawing, ink.faint, x, Math.round(middle), width, 1);
  drawText(drawing, `+${valueText(largest)} nats`, x, y + 8, width, small);
  drawText(drawing, `−${valueText(largest)}`, x, y + height - 1, width, small);
}
