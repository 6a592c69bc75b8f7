/** The pictures of TensorBoard's Projector tab: all of them on one square sheet. */
import type { Image } from '../../../datasets/dataset.ts';
import { createDrawing, drawPixels, toPng } from './drawing.ts';
import { sizeInBox, toPixels } from './pixels.ts';

/** A sheet of square tiles. */
export interface Sprite {
  /** PNG file. */
  readonly png: Uint8Array;
  /** Side of a tile in pixels. */
  readonly tileSide: number;
}

/** Largest side of a tile in pixels: more is not seen among hundreds of points. */
const maxTileSide = 64;

/**
 * Draws images on a square sheet, row by row, each in the middle of a square tile. As many rows as
 * columns, whatever the number of images: the tab takes that for granted.
 *
 * @param maxSide  of the sheet in pixels
 */
export function drawSprite(images: readonly Image[], maxSide: number): Sprite {
  const columns = Math.max(1, Math.ceil(Math.sqrt(images.length)));
  const largest = Math.max(1, ...images.map(({ width, height }) => Math.max(width, height)));
  const tileSide = Math.max(1, Math.min(maxTileSide, largest, Math.floor(maxSide / columns)));
  const drawing = createDrawing(columns * tileSide, columns * tileSide);
  for (const [i, image] of images.entries()) {
    const size = sizeInBox(image, { width: tileSide, height: tileSide });
    const x = (i % columns) * tileSide + Math.floor((tileSide - size.width) / 2);
    const y = Math.floor(i / columns) * tileSide + Math.floor((tileSide - size.height) / 2);
    drawPixels(drawing, toPixels(image), x, y, size);
  }
  return { png: toPng(drawing), tileSide };
}
