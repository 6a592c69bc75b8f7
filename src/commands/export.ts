/** `losslens export`: writes a trained network as a SavedModel for TensorFlow and its servers. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
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

/** Declares the flags and the action of `losslens export`. */
export function declareExport(command: Command): void {
  withEffects(command, trainedNetworkFlagEffects);
  addFlags(command, exportFlags).action(async (flags: FlagValues<typeof exportFlags>) => {
    const { export_dir } = flags;
    if (export_dir === undefined) {
      throw new UsageError('--export_dir: missing; expected a folder for the SavedModel.');
    }
    const { exportNetwork, servingSignature } = await import('../inference/exportRun.ts');
    const { servedSize } = await import('../preprocessing/networkItems.ts');
    const trained = await resolveTrainedNetwork(flags);
    await exportNetwork({ ...flags, export_dir }, trained);
    const size = servedSize(trained.input).map((side) => (side < 0 ? '?' : side));
    show(
      `${trained.checkpoint} exported to ${export_dir}: signature ${servingSignature} takes images ` +
        `uint8[?,${size},${trained.input.sourceChannels}] and gives probabilities float32[?,${trained.classNames.length}]\n`,
    );
  });
}
