/** Results of a GPU that are the same from run to run. */
import { withDeterministicLoss } from '../graph/deterministicLoss.ts';
import type { Engine } from './engine.ts';
import { loadCopies } from './loadCopies.ts';

/** What TensorFlow reads when it first needs it; on the CPU it changes nothing here. */
const variables = {
  // Operations take kernels that add up in one order, or refuse to run.
  TF_DETERMINISTIC_OPS: '1',
  // Of cuDNN's algorithms those that do.
  TF_CUDNN_DETERMINISTIC: '1',
  // Else the one that was faster in a trial is taken, and that is another one another day.
  TF_CUDNN_USE_AUTOTUNE: '0',
} as const;

/** Asks TensorFlow for it, before it is loaded. */
export function requireDeterminism(): void {
  Object.assign(process.env, variables);
}

/** Whether TensorFlow is asked for it, by --deterministic or by the user's own environment. */
export function requiresDeterminism(): boolean {
  return /^(1|true)$/i.test(process.env['TF_DETERMINISTIC_OPS'] ?? '');
}

/** The same engine, with a deterministic loss in every graph that it loads. */
export function withDeterministicLosses(engine: Engine): Engine {
  const { name, bfloat16 } = engine;
  return { name, bfloat16, load: loadCopies(engine, withDeterministicLoss) };
}
