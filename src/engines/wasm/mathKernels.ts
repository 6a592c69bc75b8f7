/** Kernels of ops/math.ts. */
import type * as tfc from '@tensorflow/tfjs-core';
import { attr, constantInput } from '../../graph/nodeInputs.ts';
import { allocate, intView, view } from './heap.ts';
import type { Kernel, KernelTable } from './kernel.ts';
import { tf } from './tfjs.ts';

function unary(compute: (x: tfc.Tensor) => tfc.Tensor): Kernel {
  return (_node, [x]) => compute(x!);
}

function binary(compute: (a: tfc.Tensor, b: tfc.Tensor) => tfc.Tensor): Kernel {
  return (_node, [a, b]) => compute(a!, b!);
}

/** @param ofNone  what is made of no elements, for which the backend has no answer */
function reduction(
  compute: (x: tfc.Tensor, axes: number[], keepDims: boolean) => tfc.Tensor,
  ofNone: number,
): Kernel {
  return (node, [x]) => {
    const axes = [...constantInput(node, 1)];
    const keepDims = attr(node, 'keep_dims', 'b');
    if (x!.size > 0) return compute(x!, axes, keepDims);
    const isReduced = (axis: number) => axes.some((other) => (other + x!.rank) % x!.rank === axis);
    const sizes = x!.shape.map((size, axis) => (isReduced(axis) ? 1 : size));
    const y = allocate(
      keepDims ? sizes : sizes.filter((_, axis) => !isReduced(axis)),
      x!.dtype === 'int32' ? 'int32' : 'float32',
    );
    view(y).fill(ofNone);
    return y;
  };
}

/**
 * Matrix product. The backend is fast only where neither matrix is transposed, so that is done
 * beforehand: to the first matrix, and of the second one's product the smaller way round.
 */
function matMul(
  a: tfc.Tensor,
  b: tfc.Tensor,
  transposeA: boolean,
  transposeB: boolean,
): tfc.Tensor {
  return tf.tidy(() => {
    const left = transposeA ? tf.transpose(a) : a;
    // The backend refuses a matrix without elements, and leaves the product as its memory was.
    if (a.size === 0 || b.size === 0) {
      return tf.zeros([left.shape[0]!, b.shape[transposeB ? 0 : 1]!]);
    }
    if (!transposeB) return tf.matMul(left, b);
    // a·bᵀ = (b·aᵀ)ᵀ spares the transposition of b, often the weights and the largest of the three.
    return b.size > left.size
      ? tf.transpose(tf.matMul(b, tf.transpose(left)))
      : tf.matMul(left, tf.transpose(b));
  });
}

/** Kernels by op. */
export const mathKernels: KernelTable = {
  AddV2: binary(tf.add),
  Sub: binary(tf.sub),
  Mul: binary(tf.mul),
  RealDiv: binary(tf.div),
  FloorDiv: binary(tf.floorDiv),
  Pow: binary(tf.pow),
  Maximum: binary(tf.maximum),
  Minimum: binary(tf.minimum),
  Greater: binary(tf.greater),
  GreaterEqual: binary(tf.greaterEqual),
  Equal: binary(tf.equal),
  Neg: unary(tf.neg),
  Abs: unary(tf.abs),
  Square: unary(tf.square),
  Sqrt: unary(tf.sqrt),
  Rsqrt: unary(tf.rsqrt),
  Exp: unary(tf.exp),
  Log: unary(tf.log),
  Floor: unary(tf.floor),
  AddN: (_node, inputs) => {
    const y = allocate(inputs[0]!.shape);
    const values = view(y);
    values.set(view(inputs[0]!));
    for (const input of inputs.slice(1)) {
      const addend = view(input);
      for (let i = 0; i < values.length; i++) values[i] = values[i]! + addend[i]!;
    }
    return y;
  },
  Sum: reduction(tf.sum, 0),
  Mean: reduction(tf.mean, Number.NaN),
  Max: reduction(tf.max, Number.NEGATIVE_INFINITY),
  Min: reduction(tf.min, Number.POSITIVE_INFINITY),
  IsFinite: unary(tf.isFinite),
  SelectV2: (_node, [condition, a, b]) =>
    tf.tidy(() => {
      // tfjs itself repeats a scalar by a kernel that takes far longer than the choice.
      const other = b!.size === 1 ? tf.fill(a!.shape, view(b!)[0]!, a!.dtype as 'float32') : b!;
      return tf.where(condition!, a!, other);
    }),
  HistogramFixedWidth: (node, [values, range]) => {
    const bins = constantInput(node, 2)[0]!;
    const y = allocate([bins], 'int32');
    const [from, counts] = [view(values!), intView(y).fill(0)];
    const [low, high] = view(range!) as unknown as [number, number];
    const width = (high - low) / bins;
    for (const value of from) {
      const bin = Math.min(Math.max(Math.floor((value - low) / width), 0), bins - 1);
      counts[bin] = counts[bin]! + 1;
    }
    return y;
  },
  UnsortedSegmentSum: (_node, [x, segments, count]) => {
    const [rows] = intView(count!) as unknown as [number];
    const y = allocate([rows, ...x!.shape.slice(segments!.shape.length)]);
    const rowSize = y.size / Math.max(1, rows);
    const [from, to] = [view(x!), view(y).fill(0)];
    intView(segments!).forEach((segment, i) => {
      if (segment < 0) return;
      if (segment >= rows) {
        throw new Error(`UnsortedSegmentSum: segment ${segment} is not one of the ${rows}`);
      }
      for (let k = 0; k < rowSize; k++) {
        const at = segment * rowSize + k;
        to[at] = to[at]! + from[i * rowSize + k]!;
      }
    });
    return y;
  },
  ArgMax: (_node, [x]) =>
    x!.size === 0 ? allocate(x!.shape.slice(0, -1), 'int32') : tf.argMax(x!, -1),
  MatMul: (node, [a, b]) =>
    matMul(a!, b!, attr(node, 'transpose_a', 'b'), attr(node, 'transpose_b', 'b')),
};
