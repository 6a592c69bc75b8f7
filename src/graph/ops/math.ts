/** Element-wise ops, reductions and matrix products. */
import { UserError } from '../../errors.ts';
import type { DType, Tensor } from '../graph.ts';
import { describe } from '../graph.ts';
import { broadcastShapes, compatible, normalizeAxes, reducedShape } from '../shape.ts';
import { cast, constant } from './array.ts';
import { addOp, expectRank, expectSameDType, type OpOptions } from './op.ts';

/** An element-wise op of one tensor. */
export type UnaryOp = (x: Tensor, options?: OpOptions) => Tensor;
/**
 * An element-wise op of two tensors that broadcast; a number stands for a constant of the other's
 * element type, and bfloat16 beside float32 is computed in float32.
 */
export type BinaryOp = (a: Tensor, b: Tensor | number, options?: OpOptions) => Tensor;

function unary(op: string): UnaryOp {
  return (x, options = {}) =>
    addOp(x.graph, op, [x], { T: { type: x.dtype } }, x.dtype, x.shape, options);
}

function binary(op: string, resultType?: DType): BinaryOp {
  return (a, b, options = {}) => {
    const [left, right] = operands(a, b);
    expectSameDType(op, [left, right]);
    const shape = broadcastShapes(left.shape, right.shape, op);
    const type = left.dtype;
    const dtype = resultType ?? type;
    return addOp(a.graph, op, [left, right], { T: { type } }, dtype, shape, options);
  };
}

function operands(a: Tensor, b: Tensor | number): [Tensor, Tensor] {
  if (typeof b === 'number') {
    const value = constant(a.graph, a.dtype === 'int32' ? 'int32' : 'float32', b);
    return [a, a.dtype === 'bfloat16' ? cast(value, 'bfloat16') : value];
  }
  const isMixed = [a.dtype, b.dtype].sort().join() === 'bfloat16,float32';
  return isMixed ? [cast(a, 'float32'), cast(b, 'float32')] : [a, b];
}

/** a + b (TF op AddV2) */
export const add = binary('AddV2');
/** a − b (TF op Sub) */
export const sub = binary('Sub');
/** a · b (TF op Mul) */
export const mul = binary('Mul');
/** a / b (TF op RealDiv) */
export const div = binary('RealDiv');
/** ⌊a / b⌋ of integers (TF op FloorDiv); without a gradient */
export const floorDiv = binary('FloorDiv');
/** a^b (TF op Pow) */
export const pow = binary('Pow');
/** the larger of a and b (TF op Maximum) */
export const maximum = binary('Maximum');
/** the smaller of a and b (TF op Minimum) */
export const minimum = binary('Minimum');
/** a > b, bool (TF op Greater) */
export const greater = binary('Greater', 'bool');
/** a ≥ b, bool (TF op GreaterEqual) */
export const greaterEqual = binary('GreaterEqual', 'bool');
/** a = b, bool (TF op Equal) */
export const equal = binary('Equal', 'bool');

/** −x (TF op Neg) */
export const neg = unary('Neg');
/** |x| (TF op Abs) */
export const abs = unary('Abs');
/** x² (TF op Square) */
export const square = unary('Square');
/** √x (TF op Sqrt) */
export const sqrt = unary('Sqrt');
/** 1/√x (TF op Rsqrt) */
export const rsqrt = unary('Rsqrt');
/** eˣ (TF op Exp) */
export const exp = unary('Exp');
/** natural logarithm (TF op Log) */
export const log = unary('Log');
/** the nearest integer, halves to the even one (TF op Rint) */
export const rint = unary('Rint');
/** the largest integer ≤ x (TF op Floor) */
export const floor = unary('Floor');

/** The sum of tensors of one shape (TF op AddN); a single one is returned as it is. */
export function addN(tensors: readonly Tensor[], options: OpOptions = {}): Tensor {
  const first = tensors[0]!;
  if (tensors.length === 1) return first;
  expectSameDType('AddN', tensors);
  const attrs = { N: { i: tensors.length }, T: { type: first.dtype } };
  return addOp(first.graph, 'AddN', tensors, attrs, first.dtype, first.shape, options);
}

/** A reduction over some axes (all by default). */
export type Reduction = (
  x: Tensor,
  axes?: readonly number[],
  options?: OpOptions & { readonly keepDims?: boolean },
) => Tensor;

function reduction(op: string, isSum = false): Reduction {
  return (
    given,
    axes = given.shape.map((_, axis) => axis),
    { keepDims = false, ...options } = {},
  ) => {
    const x = isSum && given.dtype === 'bfloat16' ? cast(given, 'float32') : given;
    const over = normalizeAxes(axes, x.shape.length);
    const indices = constant(x.graph, 'int32', over, undefined, { name: 'reduction_indices' });
    const attrs = {
      T: { type: x.dtype },
      Tidx: { type: 'int32' },
      keep_dims: { b: keepDims },
    } as const;
    const shape = reducedShape(x.shape, over, keepDims);
    return addOp(x.graph, op, [x, indices], attrs, x.dtype, shape, options);
  };
}

/** Σ over axes (TF op Sum); of bfloat16 in float32, as its few bits lose what is added to large sums */
export const sum = reduction('Sum', true);
/** mean over axes (TF op Mean); of bfloat16 in float32 */
export const mean = reduction('Mean', true);
/** largest element over axes (TF op Max) */
export const max = reduction('Max');
/** smallest element over axes (TF op Min); without a gradient */
export const min = reduction('Min');

/** Whether x is a number and not infinite, bool (TF op IsFinite). */
export function isFiniteNumber(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'IsFinite', [x], { T: { type: x.dtype } }, 'bool', x.shape, options);
}

/** a where the condition holds, else b, a scalar or in its shape (TF op SelectV2); without a gradient */
export function where(condition: Tensor, a: Tensor, b: Tensor, options: OpOptions = {}): Tensor {
  expectSameDType('SelectV2', [a, b]);
  const inputs = [condition, a, b];
  return addOp(a.graph, 'SelectV2', inputs, { T: { type: a.dtype } }, a.dtype, a.shape, options);
}

/**
 * Counts values in bins of one width (TF op HistogramFixedWidth); values outside count to the
 * outermost bins.
 *
 * @param values  float32, any shape, all of them numbers
 * @param range   float32 [2], the lower end of the first bin and the upper end of the last, which
 *                is larger
 * @returns       int32 [bins]
 */
export function histogramFixedWidth(
  values: Tensor,
  range: Tensor,
  bins: number,
  options: OpOptions = {},
): Tensor {
  expectSameDType('HistogramFixedWidth', [values, range]);
  const count = constant(values.graph, 'int32', bins, [], { name: 'nbins' });
  const attrs = { T: { type: values.dtype }, dtype: { type: 'int32' } } as const;
  const inputs = [values, range, count];
  return addOp(values.graph, 'HistogramFixedWidth', inputs, attrs, 'int32', [bins], options);
}

/**
 * Sums the elements of each segment (TF op UnsortedSegmentSum): the gradient of a lookup, which adds
 * up what every use of a row sends back to it.
 *
 * @param x         [shape of segments, …]
 * @param segments  int32, the row of the result that each part of `x` is added to; a negative one
 *                  is left out
 * @param count     rows of the result; a number, or int32 [] known only when the graph runs
 * @returns         [count, …]; zeros in segments without elements
 * @throws UserError  when the shape of `x` does not begin with that of the segments
 */
export function unsortedSegmentSum(
  x: Tensor,
  segments: Tensor,
  count: number | Tensor,
  options: OpOptions = {},
): Tensor {
  const rank = segments.shape.length;
  if (segments.dtype !== 'int32' || !compatible(x.shape.slice(0, rank), segments.shape)) {
    throw new UserError(
      `UnsortedSegmentSum: got ${describe(x)} and the segments ${describe(segments)}; expected int32 in the first dimensions of the data.`,
    );
  }
  const rows =
    typeof count === 'number'
      ? constant(x.graph, 'int32', count, [], { name: 'num_segments' })
      : count;
  const attrs = {
    T: { type: x.dtype },
    Tindices: { type: 'int32' },
    Tnumsegments: { type: 'int32' },
  } as const;
  const shape = [typeof count === 'number' ? count : -1, ...x.shape.slice(rank)];
  const inputs = [x, segments, rows];
  return addOp(x.graph, 'UnsortedSegmentSum', inputs, attrs, x.dtype, shape, options);
}

/** The index of the largest element along the last axis, int32 (TF op ArgMax). */
export function argMax(x: Tensor, options: OpOptions = {}): Tensor {
  const axis = constant(x.graph, 'int32', x.shape.length - 1, [], { name: 'dimension' });
  const attrs = {
    T: { type: x.dtype },
    Tidx: { type: 'int32' },
    output_type: { type: 'int32' },
  } as const;
  return addOp(x.graph, 'ArgMax', [x, axis], attrs, 'int32', x.shape.slice(0, -1), options);
}

/**
 * Matrix product (TF op MatMul).
 *
 * @param a  [n, k], or [k, n] with transposeA
 * @param b  [k, m], or [m, k] with transposeB
 * @returns  [n, m]
 * @throws UserError  when the inner dimensions differ
 */
export function matMul(
  a: Tensor,
  b: Tensor,
  {
    transposeA = false,
    transposeB = false,
    ...options
  }: OpOptions & { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): Tensor {
  expectRank('MatMul', a, 2);
  expectRank('MatMul', b, 2);
  expectSameDType('MatMul', [a, b]);
  const [rows, innerA] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [innerB, columns] = transposeB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (innerA >= 0 && innerB >= 0 && innerA !== innerB) {
    throw new UserError(`MatMul: got ${describe(a)} and ${describe(b)}; inner dimensions differ.`);
  }
  const attrs = {
    T: { type: a.dtype },
    transpose_a: { b: transposeA },
    transpose_b: { b: transposeB },
  };
  return addOp(a.graph, 'MatMul', [a, b], attrs, a.dtype, [rows, columns], options);
}
