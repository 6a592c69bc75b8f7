/** Resizing of images, as TensorFlow 1 has it. */
import type { Image } from '../../datasets/dataset.ts';

/**
 * Where resized positions come from along one direction: the first samples of two neighbours, and the
 * share of the second.
 */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

/** @param stride  samples from one position of the image to the next */
function tapsOf(size: number, resized: number, first: number, count: number, stride: number): Taps {
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
    taps.low[i] = low * stride;
    taps.high[i] = Math.min(low + 1, size - 1) * stride;
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
  const rows = tapsOf(image.height, resized[0], top, height, image.width * channels);
  const columns = tapsOf(image.width, resized[1], left, width, channels);
  const step = mirrored ? -channels : channels;
  for (let y = 0; y < height; y++) {
    const upper = rows.low[y]!;
    const lower = rows.high[y]!;
    const down = rows.share[y]!;
    let to = (y * width + (mirrored ? width - 1 : 0)) * channels;
    for (let x = 0; x < width; x++, to += step) {
      const near = columns.low[x]!;
      const far = columns.high[x]!;
      const right = columns.share[x]!;
      const a = upper + near;
      const b = upper + far;
      const c = lower + near;
      const d = lower + far;
      const ofD = right * down;
      const ofC = down - ofD;
      const ofB = right - ofD;
      const ofA = 1 - right - ofC;
      // Written out, as the loop over the channels takes longer.
      if (channels === 3) {
        out[to] = data[a]! * ofA + data[b]! * ofB + data[c]! * ofC + data[d]! * ofD + 0.5;
        out[to + 1] =
          data[a + 1]! * ofA + data[b + 1]! * ofB + data[c + 1]! * ofC + data[d + 1]! * ofD + 0.5;
        out[to + 2] =
          data[a + 2]! * ofA + data[b + 2]! * ofB + data[c + 2]! * ofC + data[d + 2]! * ofD + 0.5;
      } else {
        for (let i = 0; i < channels; i++) {
          out[to + i] =
            data[a + i]! * ofA + data[b + i]! * ofB + data[c + i]! * ofC + data[d + i]! * ofD + 0.5;
        }
      }
    }
  }
}
