/** `losslens evaluate`: how good a checkpoint is on a split. */
import { Command } from 'commander';
import { runEvaluation } from '../training/evaluationRun.ts';
import {
  addFlags,
  type FlagValues,
  integer,
  optionalInteger,
  optionalText,
  text,
} from './flags.ts';
import { dataFlags, engineFlags, modelFlags } from './trainFlags.ts';

const evaluateFlags = {
  Data: {
    ...dataFlags,
    dataset_split_name: text('test', 'split that is classified'),
    eval_image_size: optionalInteger('side of the preprocessed images in pixels', { min: 1 }),
    batch_size: integer(100, 'items per step', { min: 1 }),
  },
  Model: {
    ...modelFlags,
    checkpoint_path: text('runs/train', 'checkpoint, or a folder whose latest one is taken'),
  },
  Logging: {
    eval_dir: optionalText('folder for the event file; by default checkpoint_path/eval'),
  },
  Engine: { ...engineFlags },
};

/** @returns the command, for the program to add */
export function evaluateCommand(): Command {
  const command = new Command('evaluate').description(
    'Classify a split with a checkpoint and say how often it is right.',
  );
  return addFlags(command, evaluateFlags).action(
    async (flags: FlagValues<typeof evaluateFlags>) => {
      await runEvaluation(flags);
    },
  );
}
