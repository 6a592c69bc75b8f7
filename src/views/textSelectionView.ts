/** The Selection View of texts: a list in rank order. */
import { tokenize } from '../../datasets/tokens.ts';
import { createDrawing, type Drawing, drawText, fillRect, ink } from './draw/drawing.ts';
import { probabilityText, signedText } from './draw/numberText.ts';
import { drawShadedText, layOutText, lineHeight, type TextLayout } from './draw/shadedText.ts';
import { highestContribution, type SelectedItem, type SelectionView } from './selectionView.ts';

/** One selected text. */
export interface SelectedText extends Omit<SelectedItem, 'image'> {
  readonly text: string;
}

/** What the Selection View of texts shows. */
export interface TextSelectionView extends Omit<SelectionView, 'items'> {
  /** In rank order. */
  readonly items: readonly SelectedText[];
}

/** Measures in pixels: a column is as wide as TensorBoard's card, so that its text can be read there. */
const layout = {
  column: 350,
  margin: 4,
  border: 3,
  header: 44,
  caption: 14,
  gap: 7,
  maxLines: 4,
} as const;
/** Tallest column in pixels; pictures above 16,384 are not shown by every browser. */
const maxHeight = 12_000;

const bold = { size: 10, bold: true } as const;
const faint = { size: 10, color: ink.faint } as const;

/**
 * Draws a Selection View: each text with its rank and index, label and output with its probability,
 * and its loss contribution above; a bar below is its contribution as a share of the highest one.
 *
 * @returns  the drawing, 350 pixels wide or a multiple of it where one column would be too tall
 */
export function drawTextSelectionView(view: TextSelectionView): Drawing {
  const { items } = view;
  const { column, margin, border, header, caption, gap, maxLines } = layout;
  const textWidth = column - 2 * margin - border - 3;
  const ruler = createDrawing(1, 1);
  const texts = items.map(({ text }) =>
    layOutText(ruler, text, tokenize(text), textWidth, maxLines),
  );
  const heights = texts.map(({ lines }) => caption + lines * lineHeight + 3 + gap);
  const total = heights.reduce((sum, height) => sum + height, 0);
  const columns = Math.max(1, Math.ceil(total / maxHeight));
  // Filled one after the other, each about as tall.
  const wanted = total / columns;
  const places: { x: number; y: number }[] = [];
  let [x, y, bottom] = [0, header as number, header as number];
  for (const height of heights) {
    if (y - header >= wanted && x + column < columns * column) [x, y] = [x + column, header];
    places.push({ x, y });
    y += height;
    bottom = Math.max(bottom, y);
  }
  const drawing = createDrawing(columns * column, bottom);
  drawHeader(drawing, view);
  const highest = highestContribution(items);
  items.forEach((item, i) => {
    drawItem(drawing, item, i + 1, texts[i]!, places[i]!, highest);
  });
  return drawing;
}

function drawHeader(drawing: Drawing, view: TextSelectionView): void {
  const { column, margin } = layout;
  const { epoch, step, items, selectionLayer, capacity, modelName } = view;
  const { rankBy = 'contribution' } = view;
  const room = column - 2 * margin;
  const title = `Selection View · epoch ${epoch}, step ${step}`;
  drawText(drawing, title, margin, 15, room, { size: 13, bold: true });
  const order = rankBy === 'contribution' ? '' : ` · by ${rankBy}`;
  const model = `${modelName} · Hs ${selectionLayer} · Ns ${capacity}${order} · S in nats`;
  drawText(drawing, model, margin, 28, room, { size: 9, color: ink.faint });
  let x: number = margin;
  const entry = (color: string, width: number, height: number, text: string) => {
    fillRect(drawing, color, x, 39 - height, width, height);
    x += width + 4;
    x += Math.ceil(drawText(drawing, text, x, 39, column - x, { size: 9, color: ink.faint })) + 12;
  };
  entry(ink.faint, 22, 2, 'S ÷ highest S');
  if (items.some(({ isNew }) => isNew)) entry(ink.new, 22, 2, 'new');
  const planted = items.filter(({ hasPlantedError }) => hasPlantedError).length;
  if (planted > 0) entry(ink.wrong, layout.border, 9, `planted wrong label (${planted})`);
}

function drawItem(
  drawing: Drawing,
  item: SelectedText,
  rank: number,
  text: TextLayout,
  place: { readonly x: number; readonly y: number },
  highest: number,
): void {
  const { column, margin, border, caption } = layout;
  const left = place.x + margin + border + 3;
  const right = place.x + column - margin;
  const baseline = place.y + 10;
  const height = caption + text.lines * lineHeight + 3;
  if (item.hasPlantedError) fillRect(drawing, ink.wrong, place.x + margin, place.y, border, height);
  let x = left;
  x += Math.ceil(drawText(drawing, String(rank), x, baseline, 40, bold)) + 5;
  const index = `#${item.itemIndex}`;
  const indexStyle = item.isNew ? { ...faint, color: ink.new } : faint;
  x += Math.ceil(drawText(drawing, index, x, baseline, 60, indexStyle)) + 8;
  const numbers = `(${probabilityText(item.outputProbability)})  ${signedText(item.contribution)}`;
  const numbersWidth = drawText(drawing, numbers, right, baseline, 110, {
    size: 10,
    align: 'right',
  });
  const verdict = `${item.label} → ${item.output}`;
  const isRight = item.label === item.output;
  drawText(drawing, verdict, x, baseline, right - numbersWidth - 6 - x, {
    ...bold,
    color: isRight ? ink.faint : ink.text,
  });
  drawShadedText(drawing, text, left, place.y + caption, null);
  const share = highest > 0 ? Math.max(0, item.contribution) / highest : 0;
  const barLength = Math.round(share * (right - left));
  const color = item.isNew ? ink.new : ink.faint;
  fillRect(drawing, color, left, place.y + height - 2, barLength, 2);
}
