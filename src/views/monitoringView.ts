/** The Monitoring View (Lee 2021, Fig. 4): how each layer handles one item at one step. */
import type { Image } from '../../datasets/dataset.ts';
import { type ColormapName, colormap, colormapNames } from './colormap.ts';
import {
  createDrawing,
  type Drawing,
  drawFitted,
  drawPixels,
  drawText,
  ink,
  type Pixels,
  toPixels,
} from './drawing.ts';
import { probabilityText, valueText } from './numberText.ts';

/** One monitored layer. */
export interface MonitoredLayer {
  readonly name: string;
  /** Loss contribution of the item at this layer in nats (Equ. 5). */
  readonly contribution: number;
  /** C and R [height, width] in nats (Equ. 6, 7), for a layer with height and width. */
  readonly maps?: {
    readonly height: number;
    readonly width: number;
    readonly contributionMap: Float32Array;
    readonly reductionMap: Float32Array;
  };
  /** Contribution per channel in nats, for a layer without. */
  readonly channels?: Float32Array;
}

/** What a Monitoring View shows. */
export interface MonitoringView {
  readonly itemIndex: number;
  readonly epoch: number;
  readonly step: number;
  /** L: the class that the item is said to be. */
  readonly label: string;
  /** O: the class that the network says. */
  readonly output: string;
  readonly outputProbability: number;
  /** In network order. */
  readonly layers: readonly MonitoredLayer[];
  /** As the network saw it: float32 [height, width, channels]. */
  readonly input: {
    readonly data: Float32Array;
    readonly shape: readonly [height: number, width: number, channels: number];
  };
  readonly original: Image;
  /** Upper end of the colour scale in nats; the largest value of the view by default. */
  readonly colorScaleMaximum?: number;
}

/** How a Monitoring View is drawn. */
export interface MonitoringViewOptions {
  readonly colormap?: ColormapName;
  /** Whole factor of everything; 1 is for TensorBoard's cards, 350 pixels wide. */
  readonly scale?: number;
}

/** Measures in pixels at scale 1. Two layers and the input are 350 × 216 pixels. */
const layout = {
  width: 350,
  margin: 6,
  rowLabel: 13,
  tile: 84,
  gap: 6,
  columnGap: 8,
  header: 16,
  footer: 26,
  bar: 8,
  layersPerBand: 2,
} as const;
const bandHeight = layout.header + 2 * layout.tile + layout.gap;
const barLeft =
  layout.margin +
  layout.rowLabel +
  layout.layersPerBand * layout.tile +
  (layout.layersPerBand - 1) * layout.columnGap +
  10;
const inputLeft = layout.width - layout.margin - layout.tile;

const caption = { size: 10 };
const small = { size: 9 };

/** Colour of values that are not numbers. */
const notANumber = [0, 158, 115] as const;

/** The largest finite value of all maps, the upper end of their common colour scale; 0 for none. */
export function largestMapValue(layers: readonly MonitoredLayer[]): number {
  let largest = 0;
  for (const { maps } of layers) {
    if (maps === undefined) continue;
    for (const map of [maps.contributionMap, maps.reductionMap]) {
      for (const value of map) if (value > largest && Number.isFinite(value)) largest = value;
    }
  }
  return largest;
}

function mapPixels(
  values: Float32Array,
  width: number,
  height: number,
  maximum: number,
  name: ColormapName,
): Pixels {
  const colors = colormap(name);
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  values.forEach((value, i) => {
    const share = maximum > 0 ? Math.min(1, value / maximum) : 0;
    const color = Number.isNaN(value) ? notANumber : colors[Math.round(255 * share)]!;
    rgba.set(color, 4 * i);
  });
  return { width, height, rgba };
}

/** The network's input as pixels: its smallest value black, its largest white. */
function inputPixels({ data, shape: [height, width, channels] }: MonitoringView['input']): Pixels {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const samples = Uint8Array.from(data, (value) => Math.round((value - low) * scale));
  return toPixels({ width, height, channels, data: samples });
}

/**
 * Contributions per channel as bars on the line between the two tiles: upwards what adds to the
 * loss, downwards what reduces it. More channels than pixels share a bar, the largest one.
 */
function drawChannels(drawing: Drawing, channels: Float32Array, x: number, top: number): void {
  const { tile, gap } = layout;
  const middle = top + tile + gap / 2;
  const reach = tile - 14;
  let largest = 0;
  for (const value of channels) largest = Math.max(largest, Math.abs(value) || 0);
  const bars = Math.min(channels.length, tile);
  const barWidth = tile / bars;
  for (let bar = 0; bar < bars; bar++) {
    const part = channels.subarray(
      Math.floor((bar * channels.length) / bars),
      Math.floor(((bar + 1) * channels.length) / bars),
    );
    const up = Math.max(0, ...part);
    const down = Math.max(0, ...part.map((value) => -value));
    const left = x + bar * barWidth;
    const width = Math.max(1, barWidth - (barWidth > 3 ? 1 : 0));
    const heightOf = (value: number) => (largest > 0 ? (value / largest) * reach : 0);
    drawing.fillStyle = ink.wrong;
    drawing.fillRect(left, middle - heightOf(up), width, heightOf(up));
    drawing.fillStyle = ink.new;
    drawing.fillRect(left, middle, width, heightOf(down));
  }
  drawing.fillStyle = ink.faint;
  drawing.fillRect(x, Math.round(middle), tile, 1);
  const style = { ...small, color: ink.faint };
  drawText(drawing, `+${valueText(largest)}`, x, top + 9, tile, style);
  drawText(drawing, `−${valueText(largest)}`, x, top + 2 * tile + gap - 2, tile, style);
}

/** The colour scale of all maps: its bar, three numbers and the unit. */
function drawColorBar(drawing: Drawing, top: number, maximum: number, name: ColormapName): void {
  const height = 2 * layout.tile + layout.gap;
  const colors = colormap(name);
  const rgba = new Uint8ClampedArray(256 * 4).fill(255);
  colors.forEach((color, i) => {
    rgba.set(color, 4 * (255 - i));
  });
  drawPixels(drawing, { width: 1, height: 256, rgba }, barLeft, top, { width: layout.bar, height });
  const x = barLeft + layout.bar + 3;
  const width = inputLeft - x - 2;
  const style = { ...small, color: ink.faint };
  drawing.fillStyle = ink.faint;
  for (const [share, baseline] of [
    [1, top + 8],
    [0.5, top + height / 2 + 3],
    [0, top + height],
  ] as const) {
    drawText(drawing, valueText(maximum * share), x, baseline, width, style);
  }
  drawText(drawing, 'nats', x, top + 19, width, style);
}

/**
 * Draws a Monitoring View: for each layer its contribution map C above its reduction map R, on one
 * colour scale; at the right the input as the network saw it above the original; below output and
 * label. Two layers take 350 × 216 pixels, which TensorBoard's cards show as they are.
 *
 * @returns  the drawing
 */
export function drawMonitoringView(
  view: MonitoringView,
  { colormap: name = colormapNames[0]!, scale = 1 }: MonitoringViewOptions = {},
): Drawing {
  const { layers } = view;
  const { width, margin, rowLabel, tile, gap, columnGap, header, footer, layersPerBand } = layout;
  const bands = Math.max(1, Math.ceil(layers.length / layersPerBand));
  const height = bands * bandHeight + footer;
  const drawing = createDrawing(width * scale, height * scale);
  drawing.scale(scale, scale);
  const maximum = view.colorScaleMaximum ?? largestMapValue(layers);
  layers.forEach((layer, i) => {
    const top = Math.floor(i / layersPerBand) * bandHeight + header;
    const x = margin + rowLabel + (i % layersPerBand) * (tile + columnGap);
    const { maps, channels } = layer;
    const size = maps ? ` ${maps.height}×${maps.width}` : ` ${channels?.length ?? ''}`;
    drawText(drawing, layer.name + size, x, top - 5, tile + columnGap - 2, caption);
    if (i % layersPerBand === 0) {
      const style = { ...caption, bold: true };
      drawText(drawing, 'C', margin, top + tile / 2 + 4, rowLabel, style);
      drawText(drawing, 'R', margin, top + tile + gap + tile / 2 + 4, rowLabel, style);
    }
    if (maps !== undefined) {
      [maps.contributionMap, maps.reductionMap].forEach((values, row) => {
        const pixels = mapPixels(values, maps.width, maps.height, maximum, name);
        drawFitted(drawing, pixels, x, top + row * (tile + gap), tile);
      });
    } else if (channels !== undefined) {
      drawChannels(drawing, channels, x, top);
    }
  });
  if (layers.some(({ maps }) => maps !== undefined)) drawColorBar(drawing, header, maximum, name);
  drawText(drawing, 'input', inputLeft, header - 5, tile, caption);
  drawFitted(drawing, inputPixels(view.input), inputLeft, header, tile);
  drawFitted(drawing, toPixels(view.original), inputLeft, header + tile + gap, tile);

  const baseline = height - footer + 11;
  const isRight = view.output === view.label;
  const answer = `O: ${view.output} (${probabilityText(view.outputProbability)})`;
  const half = (width - 2 * margin) / 2;
  drawText(drawing, answer, margin, baseline, half + 40, {
    ...caption,
    bold: true,
    color: isRight ? ink.text : ink.wrong,
  });
  drawText(drawing, `L: ${view.label}`, margin, baseline + 12, half + 40, {
    ...caption,
    bold: true,
  });
  const right = { ...small, color: ink.faint, align: 'right' } as const;
  drawText(drawing, `item ${view.itemIndex}`, width - margin, baseline, half - 44, right);
  const when = `epoch ${view.epoch}, step ${view.step}`;
  drawText(drawing, when, width - margin, baseline + 12, half - 4, right);
  return drawing;
}
