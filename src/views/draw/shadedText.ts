/** Texts whose words have a background each: how much of a value lies on every token. */
import type { Token } from '../../../datasets/tokens.ts';
import type { Rgb } from './colormap.ts';
import { inkOn } from './contrast.ts';
import { type Drawing, drawText, fillRect, ink, textWidth } from './drawing.ts';

/** Height of a line in pixels. */
export const lineHeight = 15;
const style = { size: 11 } as const;

/** One token in its place. */
interface Place {
  readonly x: number;
  readonly line: number;
  readonly width: number;
}

/** A text broken into lines. */
export interface TextLayout {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** For each token that is shown; the others lie beyond the last line. */
  readonly places: readonly Place[];
  readonly lines: number;
}

/**
 * Breaks a text into lines: between words where there is white space, within what is longer than a
 * line between tokens, as in scripts without spaces.
 *
 * @param width     of a line in pixels
 * @param maxLines  tokens beyond them are left out
 */
export function layOutText(
  drawing: Drawing,
  text: string,
  tokens: readonly Token[],
  width: number,
  maxLines: number,
): TextLayout {
  const widths = tokens.map(({ start, end }) =>
    Math.min(width, textWidth(drawing, text.slice(start, end), style)),
  );
  const space = textWidth(drawing, '\u00a0', style);
  const isApart = (i: number) => i > 0 && tokens[i]!.start > tokens[i - 1]!.end;
  const places: Place[] = [];
  let line = 0;
  let x = 0;
  for (let i = 0; i < tokens.length; i++) {
    let x0 = isApart(i) && x > 0 ? x + space : x;
    // A word and the signs that stick to it stay together.
    let stuck = widths[i]!;
    if (i === 0 || isApart(i)) {
      for (let k = i + 1; k < tokens.length && !isApart(k); k++) stuck += widths[k]!;
    }
    if (x0 > 0 && x0 + (stuck <= width ? stuck : widths[i]!) > width) {
      line++;
      x0 = 0;
    }
    if (line === maxLines) break;
    places.push({ x: x0, line, width: widths[i]! });
    x = x0 + widths[i]!;
  }
  return { text, tokens, places, lines: (places.at(-1)?.line ?? 0) + 1 };
}

/** How the tokens of a text are drawn. */
export interface Shading {
  /** Backgrounds by token; tokens without one are faint: they were cut off. */
  readonly colors: readonly Rgb[];
  /** Tokens that get a line below. */
  readonly isMarked: (token: number) => boolean;
}

/**
 * Draws a text that was laid out.
 *
 * @param shading  null for plain text
 */
export function drawShadedText(
  drawing: Drawing,
  { text, tokens, places }: TextLayout,
  x: number,
  top: number,
  shading: Shading | null,
): void {
  const more = shading === null ? ink.text : ink.line;
  places.forEach((place, i) => {
    const left = x + place.x;
    const y = top + place.line * lineHeight;
    const color = shading?.colors[i];
    if (color !== undefined) {
      fillRect(drawing, `rgb(${color.join(' ')})`, left, y, place.width, lineHeight - 1);
    }
    const foreground = color === undefined ? more : inkOn(color);
    const { start, end } = tokens[i]!;
    const word = text.slice(start, end);
    drawText(drawing, word, left, y + 11, place.width + 1, { ...style, color: foreground });
    if (shading?.isMarked(i)) fillRect(drawing, foreground, left, y + 12, place.width, 1);
  });
  const last = places.at(-1);
  if (places.length < tokens.length && last !== undefined) {
    const y = top + last.line * lineHeight;
    drawText(drawing, '…', x + last.x + last.width + 2, y + 11, 12, { ...style, color: more });
  }
}
