/** What both views draw with: a canvas, text that fits, enlarged pixels, PNG files. */
import { createRequire } from 'node:module';
import { constants } from 'node:zlib';
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import { PNG } from 'pngjs';
import type { Image } from '../../datasets/dataset.ts';

const require = createRequire(import.meta.url);
for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']) {
  GlobalFonts.registerFromPath(require.resolve(`dejavu-fonts-ttf/ttf/${file}`), 'DejaVu Sans');
}

/** Colours of the views; those of Okabe and Ito, which all kinds of colour vision tell apart. */
export const ink = {
  background: '#ffffff',
  text: '#1a1a1a',
  faint: '#767676',
  line: '#c4c4c4',
  new: '#0072b2',
  wrong: '#d55e00',
} as const;

/** A canvas for drawing. */
export type Drawing = SKRSContext2D;

/** A white canvas. */
export function createDrawing(width: number, height: number): Drawing {
  const drawing = createCanvas(width, height).getContext('2d');
  drawing.fillStyle = ink.background;
  drawing.fillRect(0, 0, width, height);
  drawing.imageSmoothingEnabled = false;
  drawing.textBaseline = 'alphabetic';
  return drawing;
}

/** How a line of text looks. */
export interface TextStyle {
  /** Height of the font in pixels. */
  readonly size: number;
  readonly bold?: boolean;
  readonly color?: string;
  readonly align?: 'left' | 'center' | 'right';
}

/**
 * Draws one line of text, cut with an ellipsis where it is too wide.
 *
 * @param x         its left end, middle or right end, as the style aligns it
 * @param baseline  in pixels from the top
 * @param maxWidth  in pixels
 */
export function drawText(
  drawing: Drawing,
  text: string,
  x: number,
  baseline: number,
  maxWidth: number,
  { size, bold = false, color = ink.text, align = 'left' }: TextStyle,
): void {
  drawing.font = `${bold ? 'bold ' : ''}${size}px "DejaVu Sans"`;
  drawing.fillStyle = color;
  drawing.textAlign = align;
  const oneLine = text.replace(/\s+/g, ' ');
  if (drawing.measureText(oneLine).width <= maxWidth) {
    drawing.fillText(oneLine, x, baseline);
    return;
  }
  // By characters as people see them: an accent stays on its letter.
  const characters = [...new Intl.Segmenter().segment(oneLine)].map(({ segment }) => segment);
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const cut = `${characters.slice(0, middle).join('')}…`;
    if (drawing.measureText(cut).width <= maxWidth) low = middle;
    else high = middle - 1;
  }
  drawing.fillText(`${characters.slice(0, low).join('')}…`, x, baseline);
}

/** Pixels in RGBA order, 0..255, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
}

/** An 8-bit image as pixels: grey, RGB or RGBA. */
export function toPixels({ width, height, channels, data }: Image): Pixels {
  const rgba = new Uint8ClampedArray(width * height * 4);
  const isColor = channels >= 3;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = data[i * channels + (isColor ? c : 0)]!;
    rgba[4 * i + 3] = channels === 4 ? data[i * channels + 3]! : 255;
  }
  return { width, height, rgba };
}

/**
 * The size at which pixels fill a square as well as they can: enlarged by a whole factor, so that
 * all pixels are equal, or reduced.
 */
export function fittedSize(
  { width, height }: { readonly width: number; readonly height: number },
  side: number,
): { width: number; height: number } {
  const factor = Math.floor(side / Math.max(width, height));
  const scale = factor >= 1 ? factor : side / Math.max(width, height);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/** Draws pixels into a rectangle, enlarged without smoothing or reduced with it. */
export function drawPixels(
  drawing: Drawing,
  { width, height, rgba }: Pixels,
  x: number,
  y: number,
  size: { readonly width: number; readonly height: number },
): void {
  const source = createCanvas(width, height);
  const context = source.getContext('2d');
  const data = context.createImageData(width, height);
  data.data.set(rgba);
  context.putImageData(data, 0, 0);
  drawing.imageSmoothingEnabled = size.width < width;
  drawing.drawImage(source as Canvas, x, y, size.width, size.height);
}

/** Draws pixels in the middle of a square, as large as whole factors allow. */
export function drawFitted(
  drawing: Drawing,
  pixels: Pixels,
  x: number,
  y: number,
  side: number,
): void {
  const size = fittedSize(pixels, side);
  const left = x + Math.floor((side - size.width) / 2);
  drawPixels(drawing, pixels, left, y + Math.floor((side - size.height) / 2), size);
}

/** The drawing as a PNG file, 8-bit RGB. */
export function toPng(drawing: Drawing): Uint8Array {
  const { width, height } = drawing.canvas;
  const png = new PNG({ width, height });
  png.data = Buffer.from(drawing.getImageData(0, 0, width, height).data.buffer);
  // Enlarged pixels repeat whole rows: no filter and zlib's default strategy give small files fast.
  return PNG.sync.write(png, {
    colorType: 2,
    filterType: 0,
    deflateLevel: 6,
    deflateStrategy: constants.Z_DEFAULT_STRATEGY,
  });
}
