/** `losslens train`: trains a network and writes both in situ views while it does. */
import { Command } from 'commander';
import { readRunRecord } from '../runFiles/runRecord.ts';
import { runTraining } from '../training/run.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags } from './flags.ts';
import { tellOfOtherModule } from './runFlags.ts';
import { trainFlagEffects } from './trainFlagEffects.ts';
import { type TrainFlags, trainFlags } from './trainFlags.ts';

/** @returns the command, for the program to add */
export function trainCommand(): Command {
  const command = new Command('train').description(
    'Train a network; see its difficult items and image areas in TensorBoard meanwhile.',
  );
  return withEffects(addFlags(command, trainFlags), trainFlagEffects).action(
    async (flags: TrainFlags) => {
      const { train_dir, model_name } = flags;
      await tellOfOtherModule(train_dir, model_name, await readRunRecord(train_dir));
      process.exitCode = await runTraining(flags);
    },
  );
}
