/** The engines that tests run on, and why one is left out. */

import type { Engine } from '../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { NoEngineError } from '../src/errors.ts';

/** The TensorFlow engine, or the reason to skip what needs it. */
export async function tensorFlowOrSkip(): Promise<{ engine: Engine | null; skip: string | false }> {
  try {
    return { engine: await loadTensorFlowEngine(), skip: false };
  } catch (error) {
    if (!(error instanceof NoEngineError)) throw error;
    return { engine: null, skip: 'the TensorFlow engine is not installed' };
  }
}
