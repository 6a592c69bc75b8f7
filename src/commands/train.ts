/** `losslens train`: trains a network and writes both in situ views while it does. */
import { Command } from 'commander';
import { runTraining } from '../training/run.ts';
import { addFlags } from './flags.ts';
import { type TrainFlags, trainFlags } from './trainFlags.ts';

/** @returns the command, for the program to add */
export function trainCommand(): Command {
  const command = new Command('train').description(
    'Train a network; see its difficult items and image areas in TensorBoard meanwhile.',
  );
  return addFlags(command, trainFlags).action(async (flags: TrainFlags) => {
    process.exitCode = await runTraining(flags);
  });
}
