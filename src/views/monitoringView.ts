/** The Monitoring View (Lee 2021, Fig. 4): how each layer handles one item at one step. */
import type { Image } from '../../datasets/dataset.ts';
import { largestMapValue, type MonitoredLayer } from '../insitu/monitoredLayer.ts';
import type { Sighting } from '../insitu/sighting.ts';
import { drawChannelBars } from './draw/channelBars.ts';
import { drawColorBar, drawTicks } from './draw/colorBar.ts';
import { type ColormapName, colormapNames } from './draw/colormap.ts';
import {
  createDrawing,
  type Drawing,
  drawGround,
  drawText,
  drawTile,
  ink,
} from './draw/drawing.ts';
import {
  type Box,
  type ContributionSeries,
  drawLegend,
  drawLines,
  legendLineHeight,
  maxSeries,
} from './draw/linePlot.ts';
import { probabilityText } from './draw/numberText.ts';
import { inputImage, mapPixels, overlay, sizeInBox, toPixels } from './draw/pixels.ts';

/** What a Monitoring View shows. */
export interface MonitoringView extends Omit<Sighting, 'input'> {
  /** As the network saw it: float32 [height, width, channels]. */
  readonly input: {
    readonly data: Float32Array;
    readonly shape: readonly [height: number, width: number, channels: number];
  };
  readonly original: Image;
  /** Upper end of the colour scale in nats; the largest value of the view by default. */
  readonly colorScaleMaximum?: number;
  /** S at each layer so far, this step last, Hs first; by default that of this step alone. */
  readonly history?: readonly ContributionSeries[];
}

/** How Monitoring and Evolution Views are drawn. */
export interface ViewOptions {
  readonly colormap?: ColormapName;
  /** Whole factor of everything; 1 is for TensorBoard's cards, 350 pixels wide. */
  readonly scale?: number;
  /** Lays the maps of a Monitoring View over the input in grey. */
  readonly overlay?: boolean;
}

/** Measures in pixels at scale 1. Two layers and the input are 350 × 220 pixels. */
const layout = {
  footerWidth: 350,
  margin: 4,
  rowLabel: 12,
  tile: 84,
  gap: 4,
  columnGap: 7,
  footer: 34,
  bar: 8,
  tickWidth: 50,
} as const;
const mapsHeight = 2 * layout.tile + layout.gap;
const mapsLeft = layout.margin + layout.rowLabel;
const columnWidth = layout.tile + layout.columnGap;

/** How the layers are spread. */
interface Grid {
  /** Of the view. */
  readonly width: number;
  /** Height of what is written above the maps. */
  readonly header: number;
  /** Layers in the first row, which holds colour scale and input too. */
  readonly inFirstRow: number;
  /** Layers in each row below. */
  readonly perRow: number;
}
/** A card of TensorBoard, as it is. */
const card: Grid = { width: 350, header: 14, inFirstRow: 2, perRow: 3 };
/** Three cards, for the picture alone; a line more tells what the layers are in. */
const sheet: Grid = { width: 1050, header: 25, inFirstRow: 9, perRow: 11 };
/** Layers that a card shows at most. */
const maxLayersOfCard = 11;

function rowsOf({ inFirstRow, perRow }: Grid, layers: number): number {
  return 1 + Math.max(0, Math.ceil((layers - inFirstRow) / perRow));
}

const caption = { size: 10 } as const;
const small = { size: 9, color: ink.faint } as const;

/** Where the column of a layer is: its left side and that of its maps' top. */
function placeOf(
  { inFirstRow, perRow, header }: Grid,
  layer: number,
): { x: number; top: number; isFirstInRow: boolean } {
  const below = layer - inFirstRow;
  const row = below < 0 ? 0 : 1 + Math.floor(below / perRow);
  const column = below < 0 ? layer : below % perRow;
  return {
    x: mapsLeft + column * columnWidth,
    top: row * (header + mapsHeight) + header,
    isFirstInRow: column === 0,
  };
}

/** Name and size of a layer; of a long name its end, which tells more. */
function drawColumnHeader(drawing: Drawing, layer: MonitoredLayer, x: number, top: number): void {
  const { maps, channels, name } = layer;
  const size = maps ? `${maps.height}×${maps.width}` : String(channels?.length ?? '');
  const sizeWidth = 7 + 5.8 * size.length;
  const right = x + layout.tile;
  drawText(drawing, size, right, top - 4, sizeWidth, { ...small, align: 'right' });
  drawText(drawing, name, x, top - 4, layout.tile - sizeWidth, { ...caption, keep: 'end' });
}

/**
 * What layers are in: the parts of their names before the last `/`, without those that are the same
 * in all names that have any there.
 */
export function parentsOf(names: readonly string[]): string[] {
  const parts = names.map((name) => name.split('/').slice(0, -1));
  const isTelling = (depth: number) =>
    new Set(parts.flatMap((ofName) => ofName[depth] ?? [])).size > 1;
  return parts.map((ofName) => ofName.filter((_, depth) => isTelling(depth)).join('/'));
}

/** S of this step at every layer, for a view without a history. */
export function seriesOf({
  layers,
  step,
}: Pick<MonitoringView, 'layers' | 'step'>): ContributionSeries[] {
  return layers.map(({ name, contribution }) => ({
    layer: name,
    steps: [step],
    contributions: [contribution],
  }));
}

/** Height of the footer in pixels. */
export function footerHeight(series: readonly ContributionSeries[]): number {
  const extraLines = Math.max(0, Math.min(series.length, maxSeries) - 3);
  return layout.footer + extraLines * legendLineHeight;
}

/** Output, label and item at the left; S over the steps and in numbers at the right. */
export function drawFooter(
  drawing: Drawing,
  view: Omit<MonitoringView, 'input' | 'original'>,
  series: readonly ContributionSeries[],
  top: number,
): void {
  const { margin, footerWidth: width } = layout;
  const answer = `O: ${view.output} (${probabilityText(view.outputProbability)})`;
  const color = view.output === view.label ? ink.text : ink.wrong;
  const textWidth = 152;
  drawText(drawing, answer, margin, top + 10, textWidth, { ...caption, bold: true, color });
  drawText(drawing, `L: ${view.label}`, margin, top + 21, textWidth, { ...caption, bold: true });
  const when = `#${view.itemIndex} · epoch ${view.epoch} · step ${view.step}`;
  drawText(drawing, when, margin, top + 32, textWidth, { ...small, keep: 'end' });
  if (series.length === 0) return;
  const lines = Math.max(3, Math.min(series.length, maxSeries));
  const legendLeft = 252;
  drawText(drawing, 'S', 162, top + 21, 10, { ...caption, bold: true });
  drawLines(drawing, series, {
    x: 174,
    y: top + 3,
    width: legendLeft - 8 - 174,
    height: lines * legendLineHeight - 3,
  });
  drawLegend(drawing, series, legendLeft, top + 10, width - margin - legendLeft);
}

/** Where the layers of a view are. */
interface Columns {
  readonly grid: Grid;
  readonly layers: readonly MonitoredLayer[];
}

function barOf({ header, inFirstRow }: Grid): Box {
  const x = mapsLeft + inFirstRow * columnWidth;
  return { x, y: header, width: layout.bar, height: mapsHeight };
}

/** Where views of one run differ, but for their tiles: bars, ticks and the footer. */
function changingBoxes({ grid, layers }: Columns, footerTop: number, height: number): Box[] {
  const bar = barOf(grid);
  const bars = layers.flatMap(({ maps, channels }, i) => {
    const { x, top } = placeOf(grid, i);
    const box = { x, y: top, width: layout.tile, height: mapsHeight };
    return maps === undefined && channels !== undefined ? [box] : [];
  });
  return [
    ...bars,
    // Below the unit; digits reach below their line.
    { x: bar.x + bar.width, y: bar.y + 9, width: layout.tickWidth, height: bar.height - 8 },
    { x: 0, y: footerTop, width: grid.width, height: height - footerTop },
  ];
}

/** What is the same in all views of a run: names and sizes of the layers, and the colour bar. */
function drawFrame(drawing: Drawing, { grid, layers }: Columns, name: ColormapName): void {
  const { margin, rowLabel, tile, gap } = layout;
  const { width, header } = grid;
  const parents = grid === sheet ? parentsOf(layers.map((layer) => layer.name)) : [];
  layers.forEach((layer, i) => {
    const { x, top, isFirstInRow } = placeOf(grid, i);
    const parent = parents[i];
    const shown = parent === undefined ? layer.name : layer.name.split('/').at(-1)!;
    drawText(drawing, parent ?? '', x, top - 15, tile, { ...small, keep: 'end' });
    drawColumnHeader(drawing, { ...layer, name: shown }, x, top);
    if (!isFirstInRow) return;
    const style = { ...caption, bold: true };
    drawText(drawing, 'C', margin, top + tile / 2 + 4, rowLabel, style);
    drawText(drawing, 'R', margin, top + tile + gap + tile / 2 + 4, rowLabel, style);
  });
  if (layers.some(({ maps }) => maps !== undefined)) {
    drawColorBar(drawing, barOf(grid), layout.tickWidth, name);
  }
  drawText(drawing, 'input, original', width - margin - tile, header - 4, tile, caption);
}

/**
 * Draws a Monitoring View: for each layer its contribution map C above its reduction map R, on one
 * colour scale; at the right the input as the network saw it above the original; below output and
 * label, and the contribution S at each layer. Two layers take 350 × 220 pixels, which TensorBoard's
 * cards show as they are; further layers follow in rows of three, and more than 11 are spread over three
 * times the width, with what they are in above their names.
 *
 * @returns  the drawing
 */
export function drawMonitoringView(view: MonitoringView, options: ViewOptions = {}): Drawing {
  const { colormap = colormapNames[0]!, scale = 1, overlay: isOverlay = false } = options;
  const { layers } = view;
  const { margin, tile, gap } = layout;
  const grid = layers.length > maxLayersOfCard ? sheet : card;
  const { width, header } = grid;
  const inputLeft = width - margin - tile;
  const series = view.history ?? seriesOf(view);
  const footerTop = rowsOf(grid, layers.length) * (header + mapsHeight);
  const height = footerTop + footerHeight(series);
  const drawing = createDrawing(width, height, scale);
  const maximum = view.colorScaleMaximum ?? largestMapValue(layers);
  const input = toPixels(inputImage(view.input.data, view.input.shape));

  const frame = layers.map(({ name, maps, channels }) => [
    name,
    ...(maps ? [maps.height, maps.width] : [channels?.length]),
  ]);
  const columns = { grid, layers };
  const changing = changingBoxes(columns, footerTop, height);
  drawGround(drawing, JSON.stringify([colormap, frame]), changing, () =>
    drawFrame(drawing, columns, colormap),
  );
  layers.forEach(({ maps, channels }, i) => {
    const { x, top } = placeOf(grid, i);
    if (maps !== undefined) {
      [maps.contributionMap, maps.reductionMap].forEach((values, row) => {
        const size = sizeInBox(input, { width: tile * scale, height: tile * scale });
        const pixels = isOverlay
          ? overlay(values, maps, maximum, colormap, input, size)
          : mapPixels(values, maps, maximum, colormap);
        drawTile(drawing, pixels, x, top + row * (tile + gap), tile);
      });
    } else if (channels !== undefined) {
      const box = { x, y: top, width: tile, height: mapsHeight };
      drawChannelBars(drawing, channels, box);
    }
  });
  if (layers.some(({ maps }) => maps !== undefined)) {
    drawTicks(drawing, barOf(grid), layout.tickWidth, maximum);
  }
  drawTile(drawing, input, inputLeft, header, tile);
  drawTile(drawing, toPixels(view.original), inputLeft, header + tile + gap, tile);
  drawFooter(drawing, view, series, footerTop);
  return drawing;
}
