/** `losslens train`: trains a network and writes both in situ views while it does. */
import type { Command } from 'commander';
import { withEffects } from './flagEffects.ts';
import { addFlags } from './flags.ts';
import { trainFlagEffects } from './trainFlagEffects.ts';
import { type TrainFlags, trainFlags } from './trainFlags.ts';

/** Declares the flags and the action of `losslens train`. */
export function declareTrain(command: Command): void {
  withEffects(addFlags(command, trainFlags), trainFlagEffects).action(async (flags: TrainFlags) => {
    const { selectEngine } = await import('../engines/select.ts');
    // TensorFlow takes longer to load than all that is loaded here, and does it in a thread of its own.
    const selecting = selectEngine(flags);
    selecting.catch(() => {});
    const { readRunRecord } = await import('../runFiles/runRecord.ts');
    const { tellOfOtherModule } = await import('./runFlags.ts');
    const { runTraining } = await import('../training/run.ts');
    const { train_dir, model_name } = flags;
    await tellOfOtherModule(train_dir, model_name, await readRunRecord(train_dir));
    process.exitCode = await runTraining(flags, selecting);
  });
}
