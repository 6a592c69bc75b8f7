/** The Selection View (Lee 2021, Fig. 3): the items with the highest loss contribution of an epoch. */
import type { Image } from '../../datasets/dataset.ts';
import {
  createDrawing,
  type Drawing,
  drawPixels,
  drawText,
  fittedSize,
  ink,
  toPixels,
} from './drawing.ts';
import { probabilityText, valueText } from './numberText.ts';

/** One selected item. */
export interface SelectedItem {
  readonly itemIndex: number;
  readonly image: Image;
  readonly label: string;
  readonly output: string;
  readonly outputProbability: number;
  /** In nats. */
  readonly contribution: number;
  /** Not selected at the end of the epoch before. */
  readonly isNew: boolean;
  /** Its label was changed on purpose. */
  readonly hasPlantedError: boolean;
}

/** What a Selection View shows. */
export interface SelectionView {
  readonly epoch: number;
  readonly step: number;
  /** Hs */
  readonly selectionLayer: string;
  /** Ns */
  readonly capacity: number;
  readonly modelName: string;
  /** In rank order. */
  readonly items: readonly SelectedItem[];
}

/** Width of a TensorBoard card in pixels; sheets are a multiple of it, their reduction. */
const cardWidth = 350;
/** Up to so many items a sheet is two cards wide, else three. */
const smallSheetItems = 20;
/** Wanted side of an enlarged image in pixels. */
const iconSide = 96;
const headerHeight = 48;
const captionHeight = 42;

/**
 * Measures of a sheet. TensorBoard's cards show every second or third pixel of it; where the factor
 * of the images and all distances are multiples of that reduction, the pictures stay whole.
 */
export function sheetLayout(
  items: number,
  image: { readonly width: number; readonly height: number },
): {
  readonly width: number;
  readonly reduction: number;
  readonly icon: { readonly width: number; readonly height: number };
  readonly columns: number;
  readonly cell: { readonly width: number; readonly height: number };
} {
  const reduction = items <= smallSheetItems ? 2 : 3;
  const width = cardWidth * reduction;
  const roundUp = (pixels: number) => Math.ceil(pixels / reduction) * reduction;
  const largest = Math.max(image.width, image.height);
  const factor = reduction * Math.max(1, Math.floor(iconSide / (reduction * largest)));
  // Images that are large already are shown as they are.
  const icon =
    factor * largest <= 2 * iconSide
      ? { width: factor * image.width, height: factor * image.height }
      : fittedSize(image, Math.max(largest, 2 * iconSide));
  const columns = Math.max(1, Math.floor(width / roundUp(Math.max(icon.width, 120) + 9)));
  const cellWidth = Math.floor(width / columns / reduction) * reduction;
  return {
    width,
    reduction,
    icon,
    columns,
    cell: { width: cellWidth, height: roundUp(icon.height + captionHeight) },
  };
}

/**
 * Draws a Selection View: a contact sheet in rank order. Under each image its rank and index, label
 * and output with its probability, and its loss contribution.
 *
 * @returns  the drawing, 700 or 1,050 pixels wide
 */
export function drawSelectionView(view: SelectionView): Drawing {
  const { items } = view;
  const largest = items.reduce(
    (size, { image }) => ({
      width: Math.max(size.width, image.width),
      height: Math.max(size.height, image.height),
    }),
    { width: 1, height: 1 },
  );
  const { width, reduction, icon, columns, cell } = sheetLayout(items.length, largest);
  const rows = Math.max(1, Math.ceil(items.length / columns));
  const drawing = createDrawing(width, headerHeight + rows * cell.height);
  drawHeader(drawing, view, width);
  items.forEach((item, i) => {
    const x = (i % columns) * cell.width + reduction;
    const y = headerHeight + Math.floor(i / columns) * cell.height;
    drawItem(drawing, item, i + 1, x, y, icon, cell.width - 2 * reduction, reduction);
  });
  return drawing;
}

function drawHeader(drawing: Drawing, view: SelectionView, width: number): void {
  const { epoch, step, items, selectionLayer, capacity, modelName } = view;
  const title = `Selection View · epoch ${epoch}, step ${step}`;
  drawText(drawing, title, 3, 19, width - 6, { size: 17, bold: true });
  const planted = items.filter(({ hasPlantedError }) => hasPlantedError).length;
  const notes = [
    `${modelName}, Hs ${selectionLayer}, Ns ${capacity}`,
    'rank, item; label → output (probability); loss contribution in nats',
    ...(items.some(({ isNew }) => isNew) ? ['● new'] : []),
    ...(planted > 0 ? [`▢ planted wrong label (${planted})`] : []),
  ];
  drawText(drawing, notes.join(' · '), 3, 38, width - 6, { size: 12, color: ink.faint });
}

function drawItem(
  drawing: Drawing,
  item: SelectedItem,
  rank: number,
  x: number,
  y: number,
  icon: { readonly width: number; readonly height: number },
  textWidth: number,
  reduction: number,
): void {
  const { image } = item;
  const size = fittedSize(image, Math.max(icon.width, icon.height));
  if (item.hasPlantedError) {
    drawing.fillStyle = ink.wrong;
    const border = reduction;
    drawing.fillRect(x - border, y - border, size.width + 2 * border, size.height + 2 * border);
  }
  drawPixels(drawing, toPixels(image), x, y, size);
  const top = y + icon.height;
  const rankText = `${rank}  #${item.itemIndex}`;
  drawText(drawing, rankText, x, top + 12, icon.width - 12, { size: 10, color: ink.faint });
  if (item.isNew) {
    const style = { size: 10, color: ink.new, align: 'right' } as const;
    drawText(drawing, '●', x + icon.width, top + 12, 12, style);
  }
  const verdict = `${item.label} → ${item.output}`;
  const isWrong = item.label !== item.output;
  drawText(drawing, verdict, x, top + 24, textWidth, {
    size: 10,
    bold: true,
    color: isWrong ? ink.text : ink.faint,
  });
  const numbers = `(${probabilityText(item.outputProbability)})  ${valueText(item.contribution)}`;
  drawText(drawing, numbers, x, top + 36, textWidth, { size: 10 });
}
