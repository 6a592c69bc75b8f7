/** Ops of images. */
import type { Tensor } from '../graph.ts';
import { addOp, expectRank, type OpOptions } from './op.ts';

/**
 * Images resized bilinearly, corners not aligned and pixel centres not halved (TF op ResizeBilinear with
 * its defaults): position i of the result lies at i · size / resized size in the image.
 *
 * @param images  [n, height, width, channels]
 * @param size    int32 [2], height and width of the result
 * @returns       float32 [n, size, channels]
 */
export function resizeBilinear(images: Tensor, size: Tensor, options: OpOptions = {}): Tensor {
  expectRank('ResizeBilinear', images, 4);
  const { graph, dtype, shape } = images;
  const attrs = {
    T: { type: dtype },
    align_corners: { b: false },
    half_pixel_centers: { b: false },
  } as const;
  const resized = [shape[0]!, -1, -1, shape[3]!];
  return addOp(graph, 'ResizeBilinear', [images, size], attrs, 'float32', resized, options);
}
