/** Resizing of images, as TensorFlow 1 has it. */
import type { Image } from '../../datasets/dataset.ts';

/** Where resized positions come from along one direction: two neighbours and the share of the second. */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

function tapsOf(size: number, resized: number, first: number, count: number): Taps {
  // In float32, as TensorFlow has it: between noisy pixels the difference can be seen.
  const scale = Math.fround(size / resized);
  const taps = {
    low: new Int32Array(count),
    high: new Int32Array(count),
    share: new Float32Array(count),
  };
  for (let i = 0; i < count; i++) {
    const position = Math.fround((first + i) * scale);
    const low = Math.floor(position);
    taps.low[i] = low;
    taps.high[i] = Math.min(low + 1, size - 1);
    taps.share[i] = position - low;
  }
  return taps;
}

/**
 * A window of the image resized bilinearly; only the window is computed. Corners are not aligned
 * and pixel centres not halved (tf.compat.v1.image.resize_bilinear with its defaults): position i of
 * the result lies at i · size / resized in the image.
 *
 * @param resized  height and width of the whole resized image
 * @param top      first row of the window, 0..resized height − window height
 * @param left     first column of the window
 * @param size     of the window
 * @param out      [height, width, channels of the image], rounded to whole numbers
 */
export function resizeBilinear(
  image: Image,
  resized: readonly [height: number, width: number],
  top: number,
  left: number,
  [height, width]: readonly [height: number, width: number],
  out: Uint8Array,
  mirrored = false,
): void {
  const { data, channels } = image;
  const rows = tapsOf(image.height, resized[0], top, height);
  const columns = tapsOf(image.width, resized[1], left, width);
  for (let y = 0; y < height; y++) {
    const upper = rows.low[y]! * image.width;
    const lower = rows.high[y]! * image.width;
    const down = rows.share[y]!;
    for (let x = 0; x < width; x++) {
      const near = columns.low[x]!;
      const far = columns.high[x]!;
      const right = columns.share[x]!;
      const to = (y * width + (mirrored ? width - 1 - x : x)) * channels;
      for (let c = 0; c < channels; c++) {
        const topLeft = data[(upper + near) * channels + c]!;
        const bottomLeft = data[(lower + near) * channels + c]!;
        const above = topLeft + (data[(upper + far) * channels + c]! - topLeft) * right;
        const below = bottomLeft + (data[(lower + far) * channels + c]! - bottomLeft) * right;
        out[to + c] = above + (below - above) * down + 0.5;
      }
    }
  }
}
