/** Tensors in the memory of the WebAssembly backend, for kernels written in TypeScript. */

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type * as tfc from '@tensorflow/tfjs-core';
import { tf } from './tfjs.ts';

/** The registered WebAssembly backend. */
function wasmBackend(): BackendWasm {
  return tf.findBackend('wasm') as BackendWasm;
}

/** Thrown where the memory of WebAssembly has no place for a tensor. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError';
}

/** What the types of tfjs leave out. */
interface Allocator {
  /** @returns  where it is; 0 for want of memory */
  _malloc(bytes: number): number;
  _free(start: number): void;
}

let isChecked = false;

/**
 * Has the backend throw an OutOfMemoryError where it gets no memory for a tensor. By itself it does not look, and
 * writes over what is at the beginning.
 */
export function checkAllocations(): void {
  if (isChecked) return;
  isChecked = true;
  const wasm = wasmBackend().wasm as unknown as Allocator;
  // Its first call puts the function itself in its place.
  wasm._free(wasm._malloc(1));
  const { _malloc } = wasm;
  wasm._malloc = (bytes) => {
    const start = _malloc(bytes);
    if (start !== 0 || bytes === 0) return start;
    const mebibytes = Math.ceil(bytes / 2 ** 20);
    throw new OutOfMemoryError(
      `${mebibytes} MiB more do not fit into the 4 GiB of memory that WebAssembly has at most`,
    );
  };
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
