/** What all views draw with: a canvas, text that fits, pixels, PNG files. */
import './hugePages.ts';
import { createRequire } from 'node:module';
import type * as canvasPackage from '@napi-rs/canvas';
import { type Pixels, resample, type Size, sizeInBox } from './pixels.ts';
import { encodeOpaquePng } from './png.ts';

const require = createRequire(import.meta.url);
// An import would first search the package's text for the names that it exports.
const { createCanvas, GlobalFonts, ImageData } = require('@napi-rs/canvas') as typeof canvasPackage;
/** A name of its own, so that a font of the machine with the same name does not take its place. */
const fontFamily = 'losslens';
for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']) {
  GlobalFonts.registerFromPath(require.resolve(`dejavu-fonts-ttf/ttf/${file}`), fontFamily);
}

/** Colours of the views; those of Okabe and Ito, which all kinds of colour vision tell apart. */
export const ink = {
  background: '#ffffff',
  text: '#1a1a1a',
  faint: '#6b6b6b',
  line: '#c4c4c4',
  new: '#0072b2',
  wrong: '#d55e00',
} as const;

/** A canvas for drawing. */
export type Drawing = canvasPackage.SKRSContext2D;

/** The scale of each drawing: to ask it takes as long as to draw some pixels. */
const scales = new WeakMap<Drawing, number>();

/**
 * A white canvas.
 *
 * @param scale  whole factor: all that is drawn is so much larger, and so is the canvas
 */
export function createDrawing(width: number, height: number, scale = 1): Drawing {
  const drawing = createCanvas(width * scale, height * scale).getContext('2d');
  drawing.scale(scale, scale);
  scales.set(drawing, scale);
  fillRect(drawing, ink.background, 0, 0, width, height);
  drawing.textBaseline = 'alphabetic';
  return drawing;
}

/** Fills a rectangle. */
export function fillRect(
  drawing: Drawing,
  color: string,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  drawing.fillStyle = color;
  drawing.fillRect(x, y, width, height);
}

/** How a line of text looks. */
export interface TextStyle {
  /** Height of the font in pixels. */
  readonly size: number;
  readonly bold?: boolean;
  readonly color?: string;
  readonly align?: 'left' | 'center' | 'right';
  /** Which end stays where the text is too wide; of a path the last part tells most. */
  readonly keep?: 'start' | 'end';
}

/** The font that each drawing has: to set one, or even to ask, takes longer than many a text. */
const fonts = new WeakMap<Drawing, string>();

function setFont(drawing: Drawing, { size, bold = false }: TextStyle): string {
  const font = `${bold ? 'bold ' : ''}${size}px ${fontFamily}`;
  if (fonts.get(drawing) !== font) {
    drawing.font = font;
    fonts.set(drawing, font);
  }
  return font;
}

/** Widths in pixels by font and text: a sheet measures the same class names again and again. */
const widths = new Map<string, number>();
const maxWidths = 10_000;

function measure(drawing: Drawing, text: string, font: string): number {
  const key = `${font} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    width = drawing.measureText(text).width;
    if (widths.size >= maxWidths) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** Width of a line of text in pixels. */
export function textWidth(drawing: Drawing, text: string, style: TextStyle): number {
  return measure(drawing, printable(text), setFont(drawing, style));
}

/**
 * Draws one line of text, cut with an ellipsis where it is too wide.
 *
 * @param x         its left end, middle or right end, as the style aligns it
 * @param baseline  in pixels from the top
 * @param maxWidth  in pixels
 * @returns         its width in pixels
 */
export function drawText(
  drawing: Drawing,
  text: string,
  x: number,
  baseline: number,
  maxWidth: number,
  style: TextStyle,
): number {
  const { color = ink.text, align = 'left', keep = 'start' } = style;
  const font = setFont(drawing, style);
  drawing.fillStyle = color;
  drawing.textAlign = align;
  const whole = printable(text);
  const width = measure(drawing, whole, font);
  if (width <= maxWidth) {
    drawing.fillText(whole, x, baseline);
    return width;
  }
  // By characters as people see them: an accent stays on its letter.
  const characters = [...new Intl.Segmenter().segment(whole)].map(({ segment }) => segment);
  const cut = (kept: number) =>
    keep === 'start'
      ? `${characters.slice(0, kept).join('').trimEnd()}…`
      : `…${characters
          .slice(characters.length - kept)
          .join('')
          .trimStart()}`;
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(drawing, cut(middle), font) <= maxWidth) low = middle;
    else high = middle - 1;
  }
  drawing.fillText(cut(low), x, baseline);
  return measure(drawing, cut(low), font);
}

const glyphProbe = createCanvas(40, 24).getContext('2d', { willReadFrequently: true });

/** The picture of one character, as text to compare. */
function glyphPicture(character: string): string {
  fillRect(glyphProbe, ink.background, 0, 0, 40, 24);
  setFont(glyphProbe, { size: 16 });
  glyphProbe.fillStyle = ink.text;
  glyphProbe.fillText(character, 2, 18);
  return Buffer.from(glyphProbe.getImageData(0, 0, 40, 24).data).toString('latin1');
}

/** What a character that no font has looks like: this one will never be given a shape. */
const missingGlyph = glyphPicture('\u{10ffff}');
const replacements = new Map<string, string>();

/**
 * A line of text in characters that can be drawn. DejaVu has Latin, Greek, Cyrillic, Arabic, Hebrew
 * and most symbols; for other scripts the fonts of the machine step in. Where there is none, a
 * character is written as its number, such as U+4E2D: better looked up than not to be told apart.
 */
export function printable(text: string): string {
  const oneLine = text.replace(/\s+/g, ' ');
  // Most text is plain, and asked for thousands of times.
  if (/^[ -~°·×äöüéè→−…]*$/.test(oneLine)) return oneLine;
  return [...oneLine]
    .map((character) => {
      let replacement = replacements.get(character);
      if (replacement === undefined) {
        const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
        replacement = glyphPicture(character) === missingGlyph ? `U+${code} ` : character;
        replacements.set(character, replacement);
      }
      return replacement;
    })
    .join('')
    .replace(/ +/g, ' ')
    .trim();
}

/** Draws with (x, y) as the origin and turned by a quarter: lines of text run upwards from there. */
export function drawUpwards(drawing: Drawing, x: number, y: number, draw: () => void): void {
  drawing.save();
  drawing.translate(x, y);
  drawing.rotate(-Math.PI / 2);
  draw();
  drawing.restore();
  // `restore` has brought back the font of before.
  fonts.delete(drawing);
}

/** Draws pixels into a rectangle. */
export function drawPixels(
  drawing: Drawing,
  pixels: Pixels,
  x: number,
  y: number,
  { width, height }: Size,
): void {
  // Canvas pixels are written as they are, past the scale of the drawing.
  const scale = scales.get(drawing) ?? 1;
  const scaled = resample(pixels, {
    width: Math.round(width * scale),
    height: Math.round(height * scale),
  });
  const data = new ImageData(scaled.rgba, scaled.width, scaled.height);
  drawing.putImageData(data, Math.round(x * scale), Math.round(y * scale));
}

/**
 * Draws pixels in the middle of a square tile, as large as fits.
 *
 * @param side  of the tile in pixels
 */
export function drawTile(
  drawing: Drawing,
  pixels: Pixels,
  x: number,
  y: number,
  side: number,
): void {
  const size = sizeInBox(pixels, { width: side, height: side });
  const left = x + Math.floor((side - size.width) / 2);
  drawPixels(drawing, pixels, left, y + Math.floor((side - size.height) / 2), size);
}

/** The drawing as a PNG file. */
export function toPng(drawing: Drawing): Buffer {
  const { width, height } = drawing.canvas;
  // Nothing shows through a drawing, so that pixels are the same with alpha multiplied in or not.
  return encodeOpaquePng(drawing.canvas.data(), width, height);
}
