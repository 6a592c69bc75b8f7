/** Windows of images of any size, in the graph: what models take that others run. */
import type { Tensor } from '../graph/graph.ts';
import { cast, concat, constant, shapeOf, slice, sliceAt } from '../graph/ops/array.ts';
import { resizeBilinear } from '../graph/ops/image.ts';
import { add, floor } from '../graph/ops/math.ts';

/** [height, width] in pixels, fixed. */
export type WindowSize = readonly [height: number, width: number];

/** Height and width of images [n, height, width, channels] as they are when the graph runs, float32 [2]. */
export function sizeInGraph(images: Tensor): Tensor {
  return cast(slice(shapeOf(images), [1], [2]), 'float32');
}

/**
 * A part of images.
 *
 * @param corner  top and left, whole numbers as float32 [2]
 * @param size    height and width, likewise
 * @returns       [n, size, channels]
 */
export function cropInGraph(images: Tensor, corner: Tensor, size: Tensor): Tensor {
  const { graph, shape } = images;
  const around = (first: number, last: number, inside: Tensor) =>
    concat(
      [constant(graph, 'int32', [first]), cast(inside, 'int32'), constant(graph, 'int32', [last])],
      0,
    );
  const channels = shape[3]!;
  return sliceAt(images, around(0, 0, corner), around(-1, channels, size), [-1, -1, -1, channels]);
}

/**
 * Images resized as `resizeBilinear` of preprocessing/resize.ts does, but for halves that may be rounded otherwise.
 *
 * @param size  height and width, whole numbers as float32 [2]
 * @returns     float32 [n, size, channels], whole numbers of 0..255
 */
export function resizeInGraph(images: Tensor, size: Tensor): Tensor {
  return floor(add(resizeBilinear(images, cast(size, 'int32')), 0.5));
}

/** The size of a window as float32 [2]. */
export function windowSizeInGraph({ graph }: Tensor, size: WindowSize): Tensor {
  return constant(graph, 'float32', size);
}
