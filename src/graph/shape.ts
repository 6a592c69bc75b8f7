/** Shape arithmetic with unknown dimensions (−1). */
import { UsageError, UserError } from '../errors.ts';
import type { Shape } from './graph.ts';

/** "[?,28,28,1]": a shape for people. */
export function shapeText(shape: Shape): string {
  return `[${shape.map((size) => (size < 0 ? '?' : size)).join(',')}]`;
}

/** The number of elements, or −1 when a dimension is unknown. */
export function sizeOf(shape: Shape): number {
  return shape.some((size) => size < 0) ? -1 : shape.reduce((product, size) => product * size, 1);
}

/** Whether both shapes can be the same: unknown dimensions match anything. */
export function compatible(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size < 0 || b[i]! < 0 || size === b[i]);
}

/**
 * The shape of an element-wise result (NumPy's rules).
 *
 * @throws UserError  when the shapes do not broadcast, naming `where`
 */
export function broadcastShapes(a: Shape, b: Shape, where: string): Shape {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x > 1 && y > 1) {
      throw new UserError(`${where}: shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast.`);
    }
    result.push(x === 1 ? y : y === 1 ? x : Math.max(x, y));
  }
  return result;
}

/** Axes in 0..rank−1 from axes that may count from the end. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => (axis < 0 ? axis + rank : axis));
}

/** The shape after a reduction over `axes` (already normalized). */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/**
 * Output size of one spatial dimension of a convolution or pooling.
 *
 * SAME: ceil(size / stride); VALID: ceil((size − window + 1) / stride).  (TensorFlow's rules)
 *
 * @throws UsageError  when the window does not fit
 */
export function windowedSize(
  size: number,
  window: number,
  stride: number,
  padding: 'SAME' | 'VALID',
  where: string,
): number {
  if (size < 0) return -1;
  const result = Math.ceil((padding === 'SAME' ? size : size - window + 1) / stride);
  if (result < 1) {
    throw new UsageError(
      `${where}: a window of ${window} does not fit into ${size} pixels; expected a larger image (--train_image_size or --eval_image_size).`,
    );
  }
  return result;
}
