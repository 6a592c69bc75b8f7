/** Ops that make, shape and pick tensors. */
import { UserError } from '../../errors.ts';
import type { DType, Graph, Shape, Tensor } from '../graph.ts';
import { describe } from '../graph.ts';
import { shapeText, sizeOf } from '../shape.ts';
import { addOp, expectRank, expectSameDType, type OpOptions } from './op.ts';

/** A value that each run feeds (TF op Placeholder). */
export function placeholder(graph: Graph, dtype: DType, shape: Shape, name: string): Tensor {
  return addOp(
    graph,
    'Placeholder',
    [],
    { dtype: { type: dtype }, shape: { shape } },
    dtype,
    shape,
    {
      name,
    },
  );
}

/**
 * A constant (TF op Const).
 *
 * @param values  a number, or the elements in row-major order
 * @param shape   [] by default for a number, else [values.length]
 */
export function constant(
  graph: Graph,
  dtype: 'float32' | 'int32',
  values: number | ArrayLike<number>,
  shape?: Shape,
  options: OpOptions = {},
): Tensor {
  const list = typeof values === 'number' ? [values] : values;
  const data = dtype === 'float32' ? Float32Array.from(list) : Int32Array.from(list);
  const dims = shape ?? (typeof values === 'number' ? [] : [data.length]);
  if (sizeOf(dims) !== data.length) {
    throw new Error(`Const: ${data.length} values do not fill the shape ${shapeText(dims)}`);
  }
  const attrs = { dtype: { type: dtype }, value: { tensor: { dtype, shape: dims, data } } };
  return addOp(graph, 'Const', [], attrs, dtype, dims, { name: 'Const', ...options });
}

/** The same value under another name, or after other nodes (TF op Identity). */
export function identity(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'Identity', [x], { T: { type: x.dtype } }, x.dtype, x.shape, options);
}

/**
 * The same value with a derivative of our own in place of the one that its ops would give
 * (TF op IdentityN).
 *
 * @param y         what was computed from x
 * @param x         the tensor that the derivative goes to
 * @param gradient  gives dL/dx from dL/dy
 */
export function withGradient(y: Tensor, x: Tensor, gradient: (dy: Tensor) => Tensor): Tensor {
  const { graph } = y;
  const node = graph.addNode({
    op: 'IdentityN',
    inputs: [y, x],
    attrs: { T: { types: [y.dtype, x.dtype] } },
    outputs: [y, x],
  });
  graph.customGradients.set(node, (_node, [dy]) => [null, () => gradient(dy!)]);
  return node.outputs[0]!;
}

/** Another element type (TF op Cast); to float32 from bfloat16 it is exact. */
export function cast(x: Tensor, dtype: DType, options: OpOptions = {}): Tensor {
  if (x.dtype === dtype) return x;
  const attrs = { SrcT: { type: x.dtype }, DstT: { type: dtype } };
  return addOp(x.graph, 'Cast', [x], attrs, dtype, x.shape, options);
}

/**
 * The bytes of int32 numbers, the least significant first (TF op Bitcast, on machines that store them so).
 *
 * @returns  [shape of x, 4]
 */
export function bitcastToBytes(x: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: x.dtype }, type: { type: 'uint8' } } as const;
  return addOp(x.graph, 'Bitcast', [x], attrs, 'uint8', [...x.shape, 4], options);
}

/**
 * The same elements in another shape (TF op Reshape).
 *
 * @param shape  at most one −1, which takes what is left
 * @throws UserError  when the numbers of elements differ
 */
export function reshape(x: Tensor, shape: Shape, options: OpOptions = {}): Tensor {
  const free = shape.indexOf(-1);
  if (shape.lastIndexOf(-1) !== free) {
    throw new Error(`Reshape: more than one unknown dimension in ${shapeText(shape)}`);
  }
  const total = sizeOf(x.shape);
  const known = shape.reduce((product, size) => (size < 0 ? product : product * size), 1);
  if (total >= 0 && (free < 0 ? total !== known : total % known !== 0)) {
    throw new UserError(`Reshape: got ${describe(x)}; cannot take the shape ${shapeText(shape)}.`);
  }
  const result = shape.map((size) => (size < 0 && total >= 0 ? total / known : size));
  const target = constant(x.graph, 'int32', shape, undefined, { name: 'shape' });
  const attrs = { T: { type: x.dtype }, Tshape: { type: 'int32' } } as const;
  return addOp(x.graph, 'Reshape', [x, target], attrs, x.dtype, result, options);
}

/** The shape as it is when the graph runs, int32 [rank] (TF op Shape). */
export function shapeOf(x: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: x.dtype }, out_type: { type: 'int32' } } as const;
  return addOp(x.graph, 'Shape', [x], attrs, 'int32', [x.shape.length], options);
}

/** The number of elements as it is when the graph runs, int32 [] (TF op Size). */
export function countElements(x: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: x.dtype }, out_type: { type: 'int32' } } as const;
  return addOp(x.graph, 'Size', [x], attrs, 'int32', [], options);
}

/** `x` repeated along its dimensions of size 1 to the shape of `like` (TF op BroadcastTo). */
export function broadcastLike(x: Tensor, like: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: x.dtype }, Tidx: { type: 'int32' } } as const;
  return addOp(x.graph, 'BroadcastTo', [x, shapeOf(like)], attrs, x.dtype, like.shape, options);
}

/**
 * Rows of `x` along its first dimension (TF op GatherV2): rows of a batch, or the vectors of tokens
 * in a table of embeddings.
 *
 * @param x     [rows, …]
 * @param rows  int32 of any shape, 0..rows−1; another index fails when the graph runs
 * @returns     [shape of rows, …]
 * @throws UserError  when the indices are not int32, or `x` is a scalar
 */
export function gather(x: Tensor, rows: Tensor, options: OpOptions = {}): Tensor {
  if (rows.dtype !== 'int32') {
    throw new UserError(`GatherV2: got the indices ${describe(rows)}; expected int32.`);
  }
  if (x.shape.length === 0) {
    throw new UserError(`GatherV2: got ${describe(x)}; expected at least 1 dimension.`);
  }
  const axis = constant(x.graph, 'int32', 0, [], { name: 'axis' });
  const attrs = {
    Tparams: { type: x.dtype },
    Tindices: { type: rows.dtype },
    Taxis: { type: 'int32' },
    batch_dims: { i: 0 },
  } as const;
  const shape = [...rows.shape, ...x.shape.slice(1)];
  return addOp(x.graph, 'GatherV2', [x, rows, axis], attrs, x.dtype, shape, options);
}

/** Zeros around a tensor (TF op Pad): one [before, after] pair for each dimension. */
export function pad(
  x: Tensor,
  paddings: readonly (readonly [before: number, after: number])[],
  options: OpOptions = {},
): Tensor {
  expectRank('Pad', x, paddings.length);
  const amounts = constant(x.graph, 'int32', paddings.flat(), [paddings.length, 2], {
    name: 'paddings',
  });
  const shape = x.shape.map((size, i) =>
    size < 0 ? -1 : size + paddings[i]![0] + paddings[i]![1],
  );
  const attrs = { T: { type: x.dtype }, Tpaddings: { type: 'int32' } } as const;
  return addOp(x.graph, 'Pad', [x, amounts], attrs, x.dtype, shape, options);
}

/**
 * A block of a tensor (TF op Slice).
 *
 * @param begin  first index of each dimension
 * @param size   number of elements of each dimension; −1 takes what is left
 */
export function slice(
  x: Tensor,
  begin: readonly number[],
  size: readonly number[],
  options: OpOptions = {},
): Tensor {
  const inputs = [
    x,
    constant(x.graph, 'int32', begin, undefined, { name: 'begin' }),
    constant(x.graph, 'int32', size, undefined, { name: 'size' }),
  ];
  const shape = size.map((count, i) =>
    count >= 0 ? count : x.shape[i]! < 0 ? -1 : x.shape[i]! - begin[i]!,
  );
  const attrs = { T: { type: x.dtype }, Index: { type: 'int32' } } as const;
  return addOp(x.graph, 'Slice', inputs, attrs, x.dtype, shape, options);
}

/**
 * A block of a tensor whose place the graph says (TF op Slice).
 *
 * @param begin  int32 [rank], first index of each dimension
 * @param size   int32 [rank], number of elements of each dimension; −1 takes what is left
 * @param shape  what is known of the result
 */
export function sliceAt(
  x: Tensor,
  begin: Tensor,
  size: Tensor,
  shape: Shape,
  options: OpOptions = {},
): Tensor {
  const attrs = { T: { type: x.dtype }, Index: { type: 'int32' } } as const;
  return addOp(x.graph, 'Slice', [x, begin, size], attrs, x.dtype, shape, options);
}

/**
 * A tensor cut into parts along its first dimension (TF op SplitV); without a gradient.
 *
 * @param sizes  int32 [parts], rows of each; all of them are those of x
 * @returns      the parts, [rows, …]
 */
export function splitRows(x: Tensor, sizes: Tensor, options: OpOptions = {}): readonly Tensor[] {
  const { graph, dtype, shape } = x;
  const parts = sizes.shape[0]!;
  const axis = constant(graph, 'int32', 0, [], { name: 'split_dim' });
  const { outputs } = graph.addNode({
    op: 'SplitV',
    name: options.name,
    inputs: [x, sizes, axis],
    controlInputs: options.after ?? [],
    attrs: { num_split: { i: parts }, T: { type: dtype }, Tlen: { type: 'int32' } },
    outputs: Array.from({ length: parts }, () => ({ dtype, shape: [-1, ...shape.slice(1)] })),
  });
  return outputs;
}

/** Tensors joined along one dimension (TF op ConcatV2). */
export function concat(tensors: readonly Tensor[], axis: number, options: OpOptions = {}): Tensor {
  const first = tensors[0]!;
  expectSameDType('ConcatV2', tensors);
  const at = axis < 0 ? axis + first.shape.length : axis;
  const sizes = tensors.map(({ shape }) => shape[at]!);
  const total = sizes.some((size) => size < 0) ? -1 : sizes.reduce((sum, size) => sum + size, 0);
  const shape = first.shape.map((size, i) => (i === at ? total : size));
  const inputs = [...tensors, constant(first.graph, 'int32', at, [], { name: 'axis' })];
  const attrs = {
    N: { i: tensors.length },
    T: { type: first.dtype },
    Tidx: { type: 'int32' },
  } as const;
  return addOp(first.graph, 'ConcatV2', inputs, attrs, first.dtype, shape, options);
}

/** Class indices int32 [n] as float32 [n, depth] of ones and zeros (TF op OneHot). */
export function oneHot(indices: Tensor, depth: number, options: OpOptions = {}): Tensor {
  const { graph } = indices;
  const inputs = [
    indices,
    constant(graph, 'int32', depth, [], { name: 'depth' }),
    constant(graph, 'float32', 1, [], { name: 'on_value' }),
    constant(graph, 'float32', 0, [], { name: 'off_value' }),
  ];
  const attrs = { T: { type: 'float32' }, TI: { type: indices.dtype }, axis: { i: -1 } } as const;
  return addOp(graph, 'OneHot', inputs, attrs, 'float32', [...indices.shape, depth], options);
}
