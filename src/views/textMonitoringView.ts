/** The Monitoring View of a text: how each layer handles its words at one step. */
import { tokenize, unknownId } from '../../datasets/tokens.ts';
import { largestMapValue } from '../insitu/monitoredLayer.ts';
import { drawChannelBars } from './draw/channelBars.ts';
import { notANumber, type Rgb } from './draw/colormap.ts';
import { createDrawing, type Drawing, drawPixels, drawText, ink } from './draw/drawing.ts';
import { valueText } from './draw/numberText.ts';
import { drawShadedText, layOutText, lineHeight } from './draw/shadedText.ts';
import {
  drawFooter,
  footerHeight,
  type MonitoringView,
  seriesOf,
  type ViewOptions,
} from './monitoringView.ts';

/** What the Monitoring View of a text shows. */
export interface TextMonitoringView extends Omit<MonitoringView, 'input' | 'original'> {
  /** As the network saw it: int32 [time], 0 behind its end. */
  readonly input: { readonly data: Int32Array; readonly shape: readonly number[] };
  readonly original: { readonly text: string };
}

/** Measures in pixels at scale 1. */
const layout = {
  width: 350,
  margin: 4,
  rowLabel: 12,
  legend: 18,
  header: 15,
  gap: 3,
  layerGap: 5,
  channels: 70,
  maxLines: 12,
} as const;

const caption = { size: 10 } as const;
const bold = { size: 10, bold: true } as const;
const small = { size: 9, color: ink.faint } as const;

/** What the two maps are shaded towards: the colours of what adds to the loss and reduces it. */
export const fullColors = {
  C: [0xd5, 0x5e, 0x00],
  R: [0x00, 0x72, 0xb2],
} as const satisfies Record<string, Rgb>;

/** The colour of a value: white at 0, the full colour at the maximum. */
export function shade(value: number, maximum: number, full: Rgb): Rgb {
  if (Number.isNaN(value)) return notANumber;
  const share = maximum > 0 ? Math.min(1, Math.max(0, value / maximum)) : 0;
  return full.map((part) => Math.round(255 + share * (part - 255))) as unknown as Rgb;
}

/** The colour scales of both maps, which reach to the same maximum. */
function drawLegend(drawing: Drawing, maximum: number): void {
  const { width, margin } = layout;
  let right = width - margin;
  const unit = `0 to ${valueText(maximum)} nats`;
  right -= Math.ceil(drawText(drawing, unit, right, 12, 120, { ...small, align: 'right' })) + 5;
  for (const letter of ['R', 'C'] as const) {
    const rgba = new Uint8ClampedArray(64 * 4).fill(255);
    for (let i = 0; i < 64; i++) rgba.set(shade(i / 63, 1, fullColors[letter]), 4 * i);
    right -= 44;
    drawPixels(drawing, { width: 64, height: 1, rgba }, right, 4, { width: 44, height: 9 });
    drawText(drawing, letter, right - 4, 12, 10, { ...bold, align: 'right' });
    right -= 18;
  }
}

/** "14 words, 2 unknown, 3 cut off" */
function countsText(tokens: number, ids: Int32Array): string {
  const seen = Math.min(tokens, ids.length);
  const unknown = ids.subarray(0, seen).reduce((sum, id) => sum + (id === unknownId ? 1 : 0), 0);
  const parts = [`${tokens} tokens`];
  if (unknown > 0) parts.push(`${unknown} unknown (underlined)`);
  if (seen < tokens) parts.push(`${tokens - seen} cut off`);
  return parts.join(', ');
}

/**
 * Draws the Monitoring View of a text: for each layer over time the text twice, its words shaded by
 * C above, by R below, on one scale; then output and label, and the contribution S at each layer.
 * 350 pixels wide, so that TensorBoard's cards show it as it is.
 *
 * @param scale  whole factor of everything
 * @returns      the drawing
 */
export function drawTextMonitoringView(
  view: TextMonitoringView,
  { scale = 1 }: Pick<ViewOptions, 'scale'> = {},
): Drawing {
  const { width, margin, rowLabel, header, gap, layerGap, channels, maxLines } = layout;
  const { layers, input } = view;
  const { text } = view.original;
  const tokens = tokenize(text);
  const left = margin + rowLabel;
  const textLayout = layOutText(createDrawing(1, 1), text, tokens, width - margin - left, maxLines);
  const mapHeight = textLayout.lines * lineHeight;
  const heightOf = ({ maps }: (typeof layers)[number]) =>
    header + (maps === undefined ? channels : 2 * mapHeight + gap) + layerGap;
  const footerTop = layout.legend + layers.reduce((sum, layer) => sum + heightOf(layer), 0);
  const series = view.history ?? seriesOf(view);
  const drawing = createDrawing(width, footerTop + footerHeight(series), scale);
  const maximum = view.colorScaleMaximum ?? largestMapValue(layers);

  const isMarked = (token: number) => input.data[token] === unknownId;
  const isSpatial = layers.some(({ maps }) => maps !== undefined);
  const countsWidth = isSpatial ? 130 : width - 2 * margin;
  drawText(drawing, countsText(tokens.length, input.data), margin, 12, countsWidth, small);
  if (isSpatial) drawLegend(drawing, maximum);
  let top: number = layout.legend;
  for (const layer of layers) {
    drawText(drawing, layer.name, left, top + 11, width - margin - left, caption);
    const y = top + header;
    if (layer.maps === undefined) {
      const box = { x: left, y, width: width - margin - left, height: channels };
      drawChannelBars(drawing, layer.channels ?? new Float32Array(), box);
    } else {
      const { contributionMap, reductionMap } = layer.maps;
      for (const [row, letter] of (['C', 'R'] as const).entries()) {
        const mapTop = y + row * (mapHeight + gap);
        const values = letter === 'C' ? contributionMap : reductionMap;
        const colors = Array.from(values, (value) => shade(value, maximum, fullColors[letter]));
        drawText(drawing, letter, margin, mapTop + 11, rowLabel, bold);
        drawShadedText(drawing, textLayout, left, mapTop, { colors, isMarked });
      }
    }
    top += heightOf(layer);
  }
  drawFooter(drawing, view, series, footerTop);
  return drawing;
}
