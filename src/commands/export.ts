/** `losslens export`: writes a trained network as a SavedModel for TensorFlow and its servers. */
import { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { exportNetwork, servingSignature } from '../inference/exportRun.ts';
import { servedSize } from '../preprocessing/networkItems.ts';
import { show } from '../terminal.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, type FlagValues, optionalText } from './flags.ts';
import {
  resolveTrainedNetwork,
  trainedNetworkFlagEffects,
  trainedNetworkFlags,
} from './trainedNetworkFlags.ts';

const exportFlags = {
  ...trainedNetworkFlags,
  Output: {
    export_dir: optionalText(
      'folder for the SavedModel, such as models/digits/1; it must not hold one yet',
    ),
  },
};

/** @returns the command, for the program to add */
export function exportCommand(): Command {
  const command = new Command('export').description(
    'Write a trained network as a SavedModel: images of its size, samples 0..255, to probabilities.',
  );
  withEffects(command, trainedNetworkFlagEffects);
  return addFlags(command, exportFlags).action(async (flags: FlagValues<typeof exportFlags>) => {
    const { export_dir } = flags;
    if (export_dir === undefined) {
      throw new UsageError('--export_dir: missing; expected a folder for the SavedModel.');
    }
    const trained = await resolveTrainedNetwork(flags);
    await exportNetwork({ ...flags, export_dir }, trained);
    const size = servedSize(trained.input).map((side) => (side < 0 ? '?' : side));
    show(
      `${trained.checkpoint} exported to ${export_dir}: signature ${servingSignature} takes images ` +
        `uint8[?,${size},${trained.input.sourceChannels}] and gives probabilities float32[?,${trained.classNames.length}]\n`,
    );
  });
}
