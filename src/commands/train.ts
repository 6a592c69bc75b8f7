/** `losslens train`: trains a network and writes both in situ views while it does. */
import type { Command } from 'commander';
import { endWith } from '../console/interrupt.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags } from './flags.ts';
import { trainFlagEffects } from './trainFlagEffects.ts';
import { type TrainFlags, trainFlags } from './trainFlags.ts';

/** Declares the flags and the action of `losslens train`. */
export function declareTrain(command: Command): void {
  withEffects(addFlags(command, trainFlags), trainFlagEffects).action(async (flags: TrainFlags) => {
    const { listSplits } = await import('../../datasets/factory.ts');
    // That there are no such data is said at once, and not after an engine is loaded.
    await listSplits({ name: flags.dataset_name, folder: flags.dataset_dir });
    const { selectEngine } = await import('../engines/select.ts');
    // TensorFlow takes longer to load than all that is loaded here, and does it in a thread of its own.
    const selecting = selectEngine(flags);
    selecting.catch(() => {});
    const { runTraining } = await import('../training/run.ts');
    endWith(await runTraining(flags, selecting));
  });
}
