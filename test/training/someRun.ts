/** Runs of a few steps in this process. */
import { trainFlags } from '../../src/commands/trainFlags.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { smallNetwork, temporaryFolder } from '../losslens.ts';

/** The flags of `losslens train`: its defaults but for what makes a run short. */
export function someRun(more: Partial<RunOptions> = {}): RunOptions {
  const defaults = Object.values(trainFlags).flatMap((group) =>
    Object.entries(group).map(([name, { defaultValue }]) => [name, defaultValue]),
  );
  return {
    ...(Object.fromEntries(defaults) as RunOptions),
    train_dir: temporaryFolder(),
    engine: 'wasm',
    precision: 'float32',
    model_name: smallNetwork,
    batch_size: 10,
    num_preprocessing_threads: 1,
    max_number_of_epochs: 3,
    ns: 4,
    hm: ['pool1'],
    ...more,
  };
}
