/** Kernels of ops/array.ts and ops/random.ts. */
import type * as tfc from '@tensorflow/tfjs-core';
import { constantInput } from '../../graph/nodeInputs.ts';
import { allocate, intView, view } from './heap.ts';
import type { KernelTable } from './kernel.ts';
import { statelessUniform } from './philox.ts';
import { tf } from './tfjs.ts';

function intTensor(values: readonly number[]): tfc.Tensor {
  return tf.tensor([...values], [values.length], 'int32');
}

/** Kernels by op. */
export const arrayKernels: KernelTable = {
  Identity: (_node, [x]) => tf.clone(x!),
  IdentityN: (_node, inputs) => inputs.map((x) => tf.clone(x)),
  // bfloat16 is computed as float32 here.
  Cast: (node, [x]) => {
    const { dtype } = node.outputs[0]!;
    return tf.cast(x!, dtype === 'int32' ? 'int32' : dtype === 'bool' ? 'bool' : 'float32');
  },
  // The backend has no bytes: each is a number of its own.
  Bitcast: (_node, [x]) => {
    const y = allocate([...x!.shape, 4], 'int32');
    const words = intView(x!);
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    intView(y).set(bytes);
    return y;
  },
  Reshape: (node, [x]) => tf.reshape(x!, [...constantInput(node, 1)]),
  Shape: (_node, [x]) => intTensor(x!.shape),
  Size: (_node, [x]) => tf.scalar(x!.size, 'int32'),
  BroadcastTo: (_node, [x, shape]) => {
    const target = [...intView(shape!)];
    // tfjs repeats a row once at least.
    if (target.includes(0)) return allocate(target, x!.dtype === 'int32' ? 'int32' : 'float32');
    return tf.broadcastTo(x!, target);
  },
  GatherV2: (_node, [x, rows]) => {
    const rowSize = x!.size / Math.max(1, x!.shape[0]!);
    const y = allocate(
      [...rows!.shape, ...x!.shape.slice(1)],
      x!.dtype === 'int32' ? 'int32' : 'float32',
    );
    const [from, to] = [view(x!), view(y)];
    intView(rows!).forEach((row, i) => {
      if (row < 0 || row >= x!.shape[0]!) {
        throw new Error(`GatherV2: row ${row} is not one of the ${x!.shape[0]} rows`);
      }
      to.set(from.subarray(row * rowSize, (row + 1) * rowSize), i * rowSize);
    });
    return y;
  },
  Pad: (node, [x]) => {
    const amounts = constantInput(node, 1);
    return tf.pad(
      x!,
      x!.shape.map((_, axis) => [amounts[2 * axis]!, amounts[2 * axis + 1]!]),
    );
  },
  Slice: (node, [x]) => tf.slice(x!, [...constantInput(node, 1)], [...constantInput(node, 2)]),
  SplitV: (_node, [x, sizes]) => tf.split(x!, [...intView(sizes!)], 0),
  ConcatV2: (node, inputs) => {
    const tensors = inputs.slice(0, -1);
    return tf.concat(tensors as tfc.Tensor[], constantInput(node, tensors.length)[0]!);
  },
  OneHot: (node, [indices]) => {
    const depth = constantInput(node, 1)[0]!;
    const y = allocate([...indices!.shape, depth]);
    const values = view(y).fill(0);
    intView(indices!).forEach((index, i) => {
      if (index >= 0 && index < depth) values[i * depth + index] = 1;
    });
    return y;
  },
  StatelessRandomUniform: (_node, [shape, seed]) => {
    const y = allocate([...intView(shape!)]);
    statelessUniform(intView(seed!), view(y));
    return y;
  },
};
