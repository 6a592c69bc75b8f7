/** The Selection View (Lee 2021, Fig. 3): the items with the highest loss contribution of an epoch. */
import type { Image } from '../../datasets/dataset.ts';
import {
  createDrawing,
  type Drawing,
  drawPixels,
  drawText,
  fillRect,
  ink,
  textWidth,
} from './draw/drawing.ts';
import { probabilityText, signedText } from './draw/numberText.ts';
import { type Size, sizeInBox, toPixels } from './draw/pixels.ts';

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
  /** Name of the score that ranks; by default the contribution. */
  readonly rankBy?: string;
  /** In rank order. */
  readonly items: readonly SelectedItem[];
}

/** Width of a TensorBoard card in pixels; sheets are a multiple of it, their reduction. */
const cardWidth = 350;
const headerHeight = 48;
/** Three lines below the bar. */
const captionHeight = 36;
const captionSize = 10;

/**
 * How large icons are by the number of items: wanted and largest side, and the narrowest cell with
 * room for two class names of common length; in pixels.
 */
function iconSides(items: number): { wanted: number; largest: number; minCellWidth: number } {
  if (items <= 20) return { wanted: 128, largest: 224, minCellWidth: 114 };
  if (items <= 256) return { wanted: 96, largest: 192, minCellWidth: 114 };
  // A sheet of 1,024 stays below 16,384 pixels, the tallest picture that browsers show everywhere.
  return { wanted: 96, largest: 96, minCellWidth: 105 };
}

/** Measures of a sheet in pixels. */
export interface SheetLayout {
  readonly width: number;
  /** Factor at which TensorBoard's card shrinks the sheet: it shows every second or third pixel. */
  readonly reduction: number;
  readonly icon: Size;
  readonly columns: number;
  readonly cell: Size;
}

/**
 * Lays a sheet out. Where the factor of the images and all distances are multiples of the reduction,
 * the pictures stay whole in the card.
 *
 * @param items  number of items, from 1
 * @param image  size of the largest image
 */
export function sheetLayout(items: number, image: Size): SheetLayout {
  const reduction = items <= 20 ? 2 : 3;
  const width = cardWidth * reduction;
  const { wanted, largest, minCellWidth } = iconSides(items);
  const longer = Math.max(image.width, image.height);
  const multiple = reduction * Math.max(1, Math.floor(wanted / (reduction * longer)));
  let icon: Size;
  if (multiple * longer <= largest) {
    icon = { width: multiple * image.width, height: multiple * image.height };
  } else if (longer <= largest) {
    icon = image;
  } else {
    icon = sizeInBox(image, { width: largest, height: largest });
  }
  const roundUp = (pixels: number) => Math.ceil(pixels / reduction) * reduction;
  // Beside an icon: the outline of a planted error on both sides, and as much between outlines.
  const fitting = Math.floor(width / Math.max(roundUp(icon.width) + 3 * reduction, minCellWidth));
  // As many columns as the rows need: 64 items stand 8 × 8, without a last one left over.
  const rows = Math.max(1, Math.ceil(items / fitting));
  const columns = items <= fitting ? fitting : Math.ceil(items / rows);
  const cellWidth = Math.floor(width / columns / reduction) * reduction;
  // The icon, below it a line for its outline, its bar, the captions, and the next icon's outline.
  const cellHeight = roundUp(icon.height) + 3 * reduction + roundUp(captionHeight) + 2 * reduction;
  return { width, reduction, icon, columns, cell: { width: cellWidth, height: cellHeight } };
}

/**
 * Draws a Selection View: a contact sheet in rank order. Under each image a bar, its contribution
 * as a share of the highest one, then rank and index, label and output with its probability, and
 * the loss contribution.
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
  const layout = sheetLayout(items.length, largest);
  const { width, reduction, columns, cell } = layout;
  const rows = Math.max(1, Math.ceil(items.length / columns));
  // A multiple of the reduction, so that the card shows every reduction-th line throughout.
  const height = Math.ceil((headerHeight + rows * cell.height) / reduction) * reduction;
  const drawing = createDrawing(width, height);
  drawHeader(drawing, view, layout);
  const highest = highestContribution(items);
  items.forEach((item, i) => {
    const x = (i % columns) * cell.width + reduction;
    const y = headerHeight + Math.floor(i / columns) * cell.height + reduction;
    drawItem(drawing, item, i + 1, x, y, highest, layout);
  });
  return drawing;
}

/** What the bars under selected items are shares of: their highest S in nats, 0 at least. */
export function highestContribution(items: readonly Pick<SelectedItem, 'contribution'>[]): number {
  return Math.max(0, ...items.map(({ contribution }) => contribution).filter(Number.isFinite));
}

function drawHeader(
  drawing: Drawing,
  view: SelectionView,
  { width, reduction }: SheetLayout,
): void {
  const { epoch, step, items, selectionLayer, capacity, modelName } = view;
  const { rankBy = 'contribution' } = view;
  const style = { size: 11, color: ink.faint } as const;
  const title = `Selection View · epoch ${epoch}, step ${step}`;
  const titleWidth = Math.round(width * 0.58);
  drawText(drawing, title, reduction, 19, titleWidth, { size: 17, bold: true });
  const order = rankBy === 'contribution' ? '' : ` · by ${rankBy}`;
  const model = `${modelName} · Hs ${selectionLayer} · Ns ${capacity}${order}`;
  const right = width - reduction;
  drawText(drawing, model, right, 19, right - titleWidth - 10, { ...style, align: 'right' });

  let x: number = reduction;
  const entry = (text: string, drawSwatch: (x: number) => number) => {
    x += drawSwatch(x) + 5;
    const room = right - x;
    if (room < 40) return;
    x += Math.ceil(drawText(drawing, text, x, 38, room, style)) + 16;
  };
  entry('rank #item; label → output (probability); loss contribution S in nats', () => -5);
  const swatchBar = (color: string) => (left: number) => {
    fillRect(drawing, color, left, 33, 22, reduction);
    return 22;
  };
  entry('S ÷ highest S', swatchBar(ink.faint));
  if (items.some(({ isNew }) => isNew)) entry('new', swatchBar(ink.new));
  const planted = items.filter(({ hasPlantedError }) => hasPlantedError).length;
  if (planted > 0) {
    entry(`planted wrong label (${planted})`, (left) => {
      fillRect(drawing, ink.wrong, left, 28, 12, 12);
      fillRect(
        drawing,
        ink.background,
        left + reduction,
        28 + reduction,
        12 - 2 * reduction,
        12 - 2 * reduction,
      );
      return 12;
    });
  }
}

function drawItem(
  drawing: Drawing,
  item: SelectedItem,
  rank: number,
  x: number,
  y: number,
  highest: number,
  { icon, reduction, cell }: SheetLayout,
): void {
  const { image } = item;
  const size = sizeInBox(image, icon);
  if (item.hasPlantedError) {
    const border = reduction;
    const { width, height } = size;
    fillRect(drawing, ink.wrong, x - border, y - border, width + 2 * border, height + 2 * border);
  }
  drawPixels(drawing, toPixels(image), x, y, size);
  const barTop = y + Math.ceil(icon.height / reduction) * reduction + 2 * reduction;
  const share = highest > 0 ? Math.max(0, item.contribution) / highest : 0;
  const barLength = Math.round((share * icon.width) / reduction) * reduction;
  fillRect(drawing, item.isNew ? ink.new : ink.faint, x, barTop, barLength, reduction);

  const room = cell.width - 2 * reduction;
  const faint = { size: captionSize, color: ink.faint } as const;
  const line = (n: number) => barTop + reduction + n * 11 - 1;
  const rankText = String(rank);
  const bold = { size: captionSize, bold: true } as const;
  const rankWidth = Math.ceil(drawText(drawing, rankText, x, line(1), room, bold)) + 5;
  const index = `#${item.itemIndex}${item.isNew ? ' new' : ''}`;
  drawText(drawing, index, x + rankWidth, line(1), room - rankWidth, {
    ...faint,
    ...(item.isNew ? { color: ink.new } : {}),
  });
  drawVerdict(drawing, item, x, line(2), room);
  const numbers = `(${probabilityText(item.outputProbability)})  ${signedText(item.contribution)}`;
  drawText(drawing, numbers, x, line(3), room, { size: captionSize });
}

/** "label → output"; where both are long, each gets its half. */
function drawVerdict(
  drawing: Drawing,
  { label, output }: SelectedItem,
  x: number,
  baseline: number,
  room: number,
): void {
  const style = {
    size: captionSize,
    bold: true,
    color: label === output ? ink.faint : ink.text,
  } as const;
  const arrow = ' → ';
  const arrowWidth = textWidth(drawing, arrow, style);
  const rest = room - arrowWidth;
  const labelRoom = Math.max(rest / 2, rest - textWidth(drawing, output, style));
  const labelWidth = drawText(drawing, label, x, baseline, labelRoom, style);
  drawText(drawing, arrow, x + labelWidth, baseline, arrowWidth, style);
  const left = x + labelWidth + arrowWidth;
  drawText(drawing, output, left, baseline, rest - labelWidth, style);
}
