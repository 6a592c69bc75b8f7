/** `losslens inspect`: what a checkpoint makes of some items, as numbers and as pictures. */
import { Command } from 'commander';
import { runInspection } from '../inspection/inspectionRun.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, boolean, type FlagValues, list, optionalText, text } from './flags.ts';
import { ofRunFlags, resolveRunFlags, runFolder } from './runFlags.ts';
import { engineFlagEffects, undrawnDataFlagEffects } from './trainFlagEffects.ts';

const inspectFlags = {
  Inspection: {
    checkpoint_path: text('runs/train', 'checkpoint, or a folder whose latest one is taken'),
    items: list('indices of the items in the order of their source'),
    layers: list('layers to look at, as --hm takes them; by default Hs and Hm of the run'),
    batch_of: list(
      "items that make a batch with --items: batch normalisation then uses the batch's statistics, as in the training, in place of the moving ones",
    ),
    output_dir: optionalText('folder for the Monitoring View of each item as PNG'),
    json: boolean(false, 'print one JSON object with every number on stdout'),
  },
  ...ofRunFlags,
};

/** @returns the command, for the program to add */
export function inspectCommand(): Command {
  const command = new Command('inspect').description(
    'Say what a checkpoint makes of some items: loss contributions and maps at any layer, without dropout and augmentation.',
  );
  return withEffects(addFlags(command, inspectFlags), engineFlagEffects).action(
    async (flags: FlagValues<typeof inspectFlags>) => {
      const { checkpoint_path } = flags;
      const ofRun = await resolveRunFlags(
        runFolder(checkpoint_path),
        flags,
        true,
        undrawnDataFlagEffects,
      );
      await runInspection({ ...flags, ...ofRun, checkpoint_path });
    },
  );
}
