/** The Evolution View: how the handling of one item changed over the training, in one picture. */
import type { Image } from '../../datasets/dataset.ts';
import { drawFlatColorBar } from './draw/colorBar.ts';
import { colormapNames } from './draw/colormap.ts';
import { createDrawing, type Drawing, drawText, drawTile, ink } from './draw/drawing.ts';
import {
  type ContributionSeries,
  drawLegend,
  drawLines,
  legendLineHeight,
  maxSeries,
} from './draw/linePlot.ts';
import { probabilityText, signedText, valueText } from './draw/numberText.ts';
import { mapPixels, type Size, toPixels } from './draw/pixels.ts';
import type { ViewOptions } from './monitoringView.ts';

/** C and R at a layer in bytes: 255 stands for `maximum`. */
export interface StoredMaps extends Size {
  /** The larger one of both maps' maxima in nats. */
  readonly maximum: number;
  readonly contributionMap: Uint8Array;
  readonly reductionMap: Uint8Array;
}

/** What is kept of one step in which an item was seen. */
export interface Encounter {
  /** From 1: which of the steps with this item it was, since it is monitored. */
  readonly number: number;
  readonly epoch: number;
  readonly step: number;
  readonly output: string;
  readonly outputProbability: number;
  /** S at Hs in nats. */
  readonly contribution: number;
  /** In network order; null for a layer without height and width. */
  readonly maps: readonly (StoredMaps | null)[];
  /** As the network saw it; null for a text. */
  readonly input: Image | null;
}

/** What an Evolution View shows. */
export interface EvolutionView {
  readonly itemIndex: number;
  readonly label: string;
  /** Hs */
  readonly selectionLayer: string;
  /** Hm in network order. */
  readonly layers: readonly string[];
  /** At most ten, ascending. */
  readonly encounters: readonly Encounter[];
  /** Encounters in all. */
  readonly encounterCount: number;
  /** S at each layer over all steps, Hs first. */
  readonly history: readonly ContributionSeries[];
  /** Whether all rows share one colour scale; else each has its own, to show what is small, too. */
  readonly isScaleShared: boolean;
}

/** How many encounters are shown: "1 encounter", "7 encounters", "10 of 13 encounters". */
export function encountersText({
  encounters,
  encounterCount,
}: Pick<EvolutionView, 'encounters' | 'encounterCount'>): string {
  if (encounters.length < encounterCount) {
    return `${encounters.length} of ${encounterCount} encounters`;
  }
  return encounterCount === 1 ? '1 encounter' : `${encounterCount} encounters`;
}

const layout = {
  cardWidth: 350,
  margin: 4,
  caption: 80,
  tile: 48,
  gap: 4,
  header: 46,
  footer: 16,
  bar: 8,
  plotHeight: 76,
} as const;
const bold = { size: 10, bold: true } as const;
const faint = { size: 9, color: ink.faint } as const;

/**
 * Draws an Evolution View: a row for each encounter with C and R of every layer on one colour scale,
 * and the input; below S at each layer over the steps. The width is a multiple of
 * TensorBoard's card; one card holds two layers.
 *
 * @returns  the drawing
 */
export function drawEvolutionView(
  view: EvolutionView,
  { colormap: name = colormapNames[0]!, scale = 1 }: ViewOptions = {},
): Drawing {
  const { encounters, layers, history } = view;
  const { cardWidth, margin, caption, tile, gap, header, plotHeight } = layout;
  const spatial = layers.flatMap((layer, i) =>
    encounters.some(({ maps }) => maps[i] !== null) ? [{ layer, i }] : [],
  );
  const columns = 2 * spatial.length + 1;
  const left = margin + caption;
  const needed = left + columns * (tile + gap) + margin - gap;
  const width = cardWidth * Math.ceil(needed / cardWidth);
  const plotTop = header + encounters.length * (tile + gap) + 20;
  const lines = Math.max(3, Math.min(history.length, maxSeries));
  const height = plotTop + Math.max(plotHeight, lines * legendLineHeight) + layout.footer;
  const drawing = createDrawing(width, height, scale);

  const title = `item ${view.itemIndex} · L: ${view.label}`;
  drawText(drawing, title, margin, 13, width - 2 * margin - 130, { size: 12, bold: true });
  drawText(drawing, encountersText(view), width - margin, 13, 130, { ...faint, align: 'right' });
  const maximumOf = ({ maps }: Encounter) => Math.max(0, ...maps.map((map) => map?.maximum ?? 0));
  const shared = Math.max(0, ...encounters.map(maximumOf));
  spatial.forEach(({ layer }, k) => {
    const x = left + 2 * k * (tile + gap);
    drawText(drawing, layer, x, 29, 2 * tile + gap, { size: 10, keep: 'end' });
    for (const [side, letter] of ['C', 'R'].entries()) {
      const middle = x + side * (tile + gap) + tile / 2;
      drawText(drawing, letter, middle, 42, tile, { ...bold, align: 'center' });
    }
  });
  const inputLeft = left + (columns - 1) * (tile + gap);
  drawText(drawing, 'input', inputLeft, 29, tile, { size: 10 });
  if (spatial.length > 0) {
    const bar = { x: margin, y: 22, width: caption - 10, height: 7 };
    drawFlatColorBar(
      drawing,
      bar,
      view.isScaleShared ? `${valueText(shared)} nats` : 'max of row',
      name,
    );
  }

  encounters.forEach((encounter, row) => {
    const y = header + row * (tile + gap);
    const isWrong = encounter.output !== view.label;
    const room = caption - 4;
    const answer = { ...bold, color: isWrong ? ink.wrong : ink.text };
    drawText(drawing, `O: ${encounter.output}`, margin, y + 10, room, answer);
    const numbers = [
      `(${probabilityText(encounter.outputProbability)})`,
      `S ${signedText(encounter.contribution, 2)}`,
    ].join(' ');
    drawText(drawing, numbers, margin, y + 21, room, { size: 9 });
    const own = maximumOf(encounter);
    const maximum = view.isScaleShared ? shared : own;
    if (spatial.length > 0) {
      drawText(drawing, `maps ≤ ${valueText(own)}`, margin, y + 32, room, faint);
    }
    drawText(drawing, `step ${encounter.step}`, margin, y + 43, room, faint);
    spatial.forEach(({ i }, k) => {
      const maps = encounter.maps[i];
      if (!maps) return;
      // The stored bytes in the units of the maps' own maximum.
      const scaled = maps.maximum > 0 ? (255 * maximum) / maps.maximum : 0;
      [maps.contributionMap, maps.reductionMap].forEach((values, side) => {
        const x = left + (2 * k + side) * (tile + gap);
        drawTile(drawing, mapPixels(values, maps, scaled, name), x, y, tile);
      });
    });
    if (encounter.input !== null) drawTile(drawing, toPixels(encounter.input), inputLeft, y, tile);
  });
  drawHistory(drawing, history, plotTop, width, height);
  return drawing;
}

/** S at each layer over the steps, with the range of both axes and the legend. */
export function drawHistory(
  drawing: Drawing,
  history: readonly ContributionSeries[],
  top: number,
  width: number,
  height: number,
): void {
  const { margin, caption, footer } = layout;
  const left = margin + caption;
  const legendWidth = 96;
  const legendLeft = width - margin - legendWidth;
  const box = { x: left, y: top, width: legendLeft - 10 - left, height: height - footer - top };
  drawLines(drawing, history, box);
  drawLegend(drawing, history, legendLeft, top + 10, legendWidth);
  drawText(drawing, 'S in nats', margin, top + 8, caption - 4, bold);
  const values = history.flatMap(({ contributions }) => contributions.filter(Number.isFinite));
  const right = { ...faint, align: 'right' } as const;
  const high = Math.max(0, ...values);
  const low = Math.min(0, ...values);
  if (high > 0) drawText(drawing, valueText(high), left - 4, top + 20, caption, right);
  if (low < 0) drawText(drawing, valueText(low), left - 4, top + box.height, caption, right);
  const steps = history.flatMap(({ steps }) => [steps[0] ?? 0, steps.at(-1) ?? 0]);
  const baseline = height - 4;
  drawText(drawing, `step ${Math.min(...steps)}`, left, baseline, box.width / 2, faint);
  drawText(drawing, `${Math.max(...steps)}`, left + box.width, baseline, box.width / 2, right);
}
