/** The Evolution View of a text: how the handling of its words changed over the training. */
import { tokenize } from '../../datasets/tokens.ts';
import { createDrawing, type Drawing, drawText, fillRect, ink } from './draw/drawing.ts';
import { valueText } from './draw/numberText.ts';
import {
  drawHistory,
  type EvolutionView,
  encountersText,
  type StoredMaps,
} from './evolutionView.ts';
import type { ViewOptions } from './monitoringView.ts';
import { fullColors, shade } from './textMonitoringView.ts';

/** What the Evolution View of a text shows. */
export interface TextEvolutionView extends EvolutionView {
  readonly text: string;
}

/** Measures in pixels at scale 1: ten encounters beside the words fill TensorBoard's card. */
const layout = {
  width: 350,
  margin: 4,
  words: 92,
  cell: 25,
  half: 12,
  row: 12,
  header: 20,
  layerHeader: 26,
  plotHeight: 76,
  footer: 16,
  maxTokens: 64,
} as const;

const faint = { size: 9, color: ink.faint } as const;

/**
 * Draws the Evolution View of a text: for each layer over time a table with a row for each word and
 * a column for each encounter, whose cells are shaded by C at their left and by R at their right on
 * one colour scale; below S at each layer over the steps.
 *
 * @returns  the drawing
 */
export function drawTextEvolutionView(
  view: TextEvolutionView,
  { scale = 1 }: Pick<ViewOptions, 'scale'> = {},
): Drawing {
  const { width, margin, words, row, header, layerHeader, plotHeight, footer } = layout;
  const { encounters, layers, text, history } = view;
  const tokens = tokenize(text).slice(0, layout.maxTokens);
  const spatial = layers.flatMap((layer, i) =>
    encounters.some(({ maps }) => maps[i] !== null) ? [{ layer, i }] : [],
  );
  const tableHeight = layerHeader + tokens.length * row + 6;
  const plotTop = header + spatial.length * tableHeight + 8;
  const height = plotTop + plotHeight + footer;
  const drawing = createDrawing(width, height, scale);
  const title = `item ${view.itemIndex} · L: ${view.label}`;
  drawText(drawing, title, margin, 13, width - 2 * margin - 130, { size: 12, bold: true });
  drawText(drawing, encountersText(view), width - margin, 13, 130, { ...faint, align: 'right' });
  const maximumOf = (maps: readonly (StoredMaps | null)[]) =>
    Math.max(0, ...maps.map((map) => map?.maximum ?? 0));
  const shared = Math.max(0, ...encounters.map(({ maps }) => maximumOf(maps)));

  spatial.forEach(({ layer, i }, k) => {
    const top = header + k * tableHeight;
    drawText(drawing, layer, margin, top + 10, words, { size: 10, keep: 'end' });
    const end = view.isScaleShared ? `${valueText(shared)} nats` : "the step's maximum";
    drawText(drawing, `C | R, 0 to ${end}`, width - margin, top + 10, 180, {
      ...faint,
      align: 'right',
    });
    tokens.forEach(({ start, end }, t) => {
      const y = top + layerHeader + t * row;
      drawText(drawing, text.slice(start, end), margin, y + 9, words - 6, { size: 10 });
    });
    encounters.forEach((encounter, column) => {
      const x = margin + words + column * layout.cell;
      const isWrong = encounter.output !== view.label;
      const color = isWrong ? ink.wrong : ink.faint;
      drawText(drawing, String(encounter.step), x, top + 22, layout.cell - 1, { size: 8, color });
      const maps = encounter.maps[i];
      if (!maps) return;
      const maximum = view.isScaleShared ? shared : maximumOf(encounter.maps);
      tokens.forEach((_, t) => {
        const y = top + layerHeader + t * row;
        for (const [side, letter] of (['C', 'R'] as const).entries()) {
          const bytes = letter === 'C' ? maps.contributionMap : maps.reductionMap;
          const stored = bytes[t];
          if (stored === undefined) return;
          const rgb = shade((stored / 255) * maps.maximum, maximum, fullColors[letter]);
          const left = x + side * layout.half;
          fillRect(drawing, `rgb(${rgb.join(' ')})`, left, y, layout.half, row - 1);
        }
      });
    });
  });
  drawHistory(drawing, history, plotTop, width, height);
  return drawing;
}
