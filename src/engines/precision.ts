/** The element type that convolutions and matrix products are computed in. */

import { UsageError } from '../errors.ts';
import type { Engine } from './engine.ts';

/** The values of --precision. */
export const precisionChoices = ['auto', 'float32', 'bfloat16'] as const;
/** The value of --precision. */
export type PrecisionChoice = (typeof precisionChoices)[number];

/** What was taken and, for people and run.json, why. */
export interface Precision {
  readonly computeType: 'float32' | 'bfloat16';
  readonly reason: string;
}

/**
 * Resolves --precision: 'auto' takes bfloat16 where the engine is known to be fast at it.
 *
 * @param begun  what the run that goes on was computed in; 'auto' stays with it where the engine can
 * @throws UsageError  when the engine cannot do what is asked for
 */
export function choosePrecision(
  choice: PrecisionChoice,
  engine: Engine,
  begun?: Precision['computeType'],
): Precision {
  const { support, reason } = engine.bfloat16;
  if (choice === 'bfloat16' && support === 'none') {
    throw new UsageError(
      `--precision: got "bfloat16", but ${reason}; expected float32, or --engine=tensorflow.`,
    );
  }
  if (choice === 'auto' && (begun === 'float32' || (begun === 'bfloat16' && support !== 'none'))) {
    return { computeType: begun, reason: 'as the run began' };
  }
  if (choice === 'auto')
    return { computeType: support === 'fast' ? 'bfloat16' : 'float32', reason };
  return { computeType: choice, reason: `--precision=${choice}` };
}
