/** Tensors in the memory of the WebAssembly backend, for kernels written in TypeScript. */

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type * as tfc from '@tensorflow/tfjs-core';
import { tf } from './tfjs.ts';

/** The registered WebAssembly backend. */
function wasmBackend(): BackendWasm {
  return tf.findBackend('wasm') as BackendWasm;
}

/**
 * The elements of a tensor, where they lie. The view ends with the next allocation, which can move
 * the memory: allocate first, then take views.
 */
export function view(tensor: tfc.Tensor): Float32Array {
  return wasmBackend().typedArrayFromHeap(tensor) as Float32Array;
}

/** The elements of an int32 tensor, where they lie. */
export function intView(tensor: tfc.Tensor): Int32Array {
  return wasmBackend().typedArrayFromHeap(tensor) as Int32Array;
}

/** A new tensor whose elements are to be filled in. */
export function allocate(
  shape: readonly number[],
  dtype: 'float32' | 'int32' = 'float32',
): tfc.Tensor {
  const backend = wasmBackend();
  return tf.engine().makeTensorFromTensorInfo(backend.makeOutput([...shape], dtype), backend);
}
