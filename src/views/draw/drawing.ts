/** What all views draw with: a canvas, text that fits, pixels, PNG files. */
import './hugePages.ts';
import { createRequire } from 'node:module';
import type * as canvasPackage from '@napi-rs/canvas';
import { type Pixels, resample, resampleInto, type Size, sizeInBox } from './pixels.ts';
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

/** A place on a drawing. */
interface Place {
  readonly x: number;
  readonly y: number;
}

/** What is known of a drawing beside its canvas. */
interface Sheet {
  /** To ask the canvas takes as long as to draw some pixels. */
  readonly scale: number;
  /** Lie above all else, in pixels of the canvas. */
  readonly tiles: (Place & Size & { readonly pixels: Pixels })[];
  /** What there is but in some boxes and below the tiles, which the canvas lacks; undefined where it has all. */
  ground?: { readonly words: Int32Array; readonly changing: readonly (Place & Size)[] };
}
const sheets = new WeakMap<Drawing, Sheet>();

/** The drawing that was done with last: most are as large as the one before, and each new canvas takes memory anew. */
let spare: Drawing | undefined;

function emptyCanvas(width: number, height: number): Drawing {
  const kept = spare;
  spare = undefined;
  if (kept?.canvas.width === width && kept.canvas.height === height) return kept;
  return createCanvas(width, height).getContext('2d');
}

/**
 * A white canvas.
 *
 * @param scale  whole factor: all that is drawn is so much larger, and so is the canvas
 */
export function createDrawing(width: number, height: number, scale = 1): Drawing {
  const drawing = emptyCanvas(width * scale, height * scale);
  drawing.setTransform(scale, 0, 0, scale, 0, 0);
  sheets.set(drawing, { scale, tiles: [] });
  fillRect(drawing, ink.background, 0, 0, width, height);
  drawing.textBaseline = 'alphabetic';
  return drawing;
}

function wordsOf({ canvas }: Drawing): Int32Array {
  const { buffer, byteOffset } = canvas.data();
  return new Int32Array(buffer, byteOffset, canvas.width * canvas.height);
}

/** The pixels that drawings begin with, by all that decides on them. */
const grounds = new Map<string, Int32Array>();
/** A run has one kind of each view; a sheet takes some megabytes. */
const maxGrounds = 4;

/**
 * Draws what many drawings have alike: once, then its pixels are kept.
 *
 * @param drawing   that nothing was drawn on yet
 * @param key       tells apart all that `draw` draws on drawings of one size and scale
 * @param changing  where else is drawn then but for tiles, and `draw` draws nothing
 */
export function drawGround(
  drawing: Drawing,
  key: string,
  changing: readonly (Place & Size)[],
  draw: () => void,
): void {
  const { width, height } = drawing.canvas;
  const sheet = sheets.get(drawing)!;
  const wholeKey = `${width} ${height} ${sheet.scale} ${key}`;
  let words = grounds.get(wholeKey);
  if (words === undefined) {
    draw();
    words = wordsOf(drawing);
    if (grounds.size >= maxGrounds) grounds.clear();
    grounds.set(wholeKey, words);
  }
  sheet.ground = { words, changing };
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

/** Characters of the fonts that come with losslens, one behind the other from left to right. */
const plain = /^[ -~°·×äöüéè→−…]*$/;

/** A line of text as it is drawn. */
interface Line {
  readonly parts: readonly { readonly text: string; readonly width: number }[];
  /** In pixels. */
  readonly width: number;
}

/**
 * A text in parts, each digit by itself: most numbers are new, and the canvas takes ten times as long for a text that it
 * does not remember. The fonts kern no digit.
 */
function lineOf(drawing: Drawing, text: string, font: string): Line {
  const texts = plain.test(text) ? (text.match(/\d\.?|\D+/g) ?? []) : [text];
  const parts = texts.map((part) => ({ text: part, width: measure(drawing, part, font) }));
  return { parts, width: parts.reduce((sum, { width }) => sum + width, 0) };
}

/** Width of a line of text in pixels. */
export function textWidth(drawing: Drawing, text: string, style: TextStyle): number {
  return lineOf(drawing, printable(text), setFont(drawing, style)).width;
}

/** A line of text, cut with an ellipsis where it is wider than `maxWidth` pixels. */
function fittingLine(
  drawing: Drawing,
  text: string,
  font: string,
  maxWidth: number,
  keep: 'start' | 'end',
): Line {
  const whole = lineOf(drawing, text, font);
  if (whole.width <= maxWidth) return whole;
  // By characters as people see them: an accent stays on its letter.
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
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
    if (lineOf(drawing, cut(middle), font).width <= maxWidth) low = middle;
    else high = middle - 1;
  }
  return lineOf(drawing, cut(low), font);
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
  const line = fittingLine(drawing, printable(text), font, maxWidth, keep);
  let left = x - (align === 'left' ? 0 : align === 'right' ? line.width : line.width / 2);
  for (const part of line.parts) {
    drawing.fillText(part.text, left, baseline);
    left += part.width;
  }
  return line.width;
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
  if (plain.test(oneLine)) return oneLine;
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

/** The size that a rectangle has on the canvas. */
function sizeOnCanvas(drawing: Drawing, { width, height }: Size): Size {
  const { scale } = sheets.get(drawing)!;
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/** Where a place is on the canvas: pixels are written as they are, past the scale of the drawing. */
function onCanvas(drawing: Drawing, x: number, y: number): Place {
  const { scale } = sheets.get(drawing)!;
  return { x: Math.round(x * scale), y: Math.round(y * scale) };
}

/** Draws pixels into a rectangle. */
export function drawPixels(
  drawing: Drawing,
  pixels: Pixels,
  x: number,
  y: number,
  size: Size,
): void {
  const { rgba, width, height } = resample(pixels, sizeOnCanvas(drawing, size));
  const place = onCanvas(drawing, x, y);
  drawing.putImageData(new ImageData(rgba, width, height), place.x, place.y);
}

/**
 * Draws pixels in the middle of a square tile, as large as fits, above all that is drawn before and after.
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
  const top = y + Math.floor((side - size.height) / 2);
  const place = onCanvas(drawing, left, top);
  sheets.get(drawing)!.tiles.push({ ...place, ...sizeOnCanvas(drawing, size), pixels });
}

/** The last composed drawing: memory that is new for each one would cost more time than what is done to it. */
let composed = new Int32Array(0);

/** All pixels of a drawing, row by row, in memory that the next one's may be in. */
function compose(drawing: Drawing): Int32Array {
  const { width } = drawing.canvas;
  const { scale, tiles, ground } = sheets.get(drawing)!;
  let words: Int32Array;
  if (ground === undefined) words = wordsOf(drawing);
  else {
    if (composed.length !== ground.words.length) composed = new Int32Array(ground.words.length);
    words = composed;
    words.set(ground.words);
    for (const box of ground.changing) {
      const [x, y] = [box.x * scale, box.y * scale];
      const image = drawing.getImageData(x, y, box.width * scale, box.height * scale);
      const pixels = { width: image.width, height: image.height, rgba: image.data };
      resampleInto(pixels, pixels, { words, width }, y * width + x);
    }
  }
  for (const { pixels, x, y, ...size } of tiles) {
    resampleInto(pixels, size, { words, width }, y * width + x);
  }
  return words;
}

/** The drawing as a PNG file; the drawing is done with. */
export function toPng(drawing: Drawing): Buffer {
  const { width, height } = drawing.canvas;
  // Nothing shows through a drawing, so that pixels are the same with alpha multiplied in or not.
  const words = compose(drawing);
  spare = drawing;
  return encodeOpaquePng(
    new Uint8Array(words.buffer, words.byteOffset, 4 * words.length),
    width,
    height,
  );
}
