/** `losslens inspect`: what a checkpoint makes of some items, as numbers and as pictures. */
import type { Command } from 'commander';
import { trainedCheckpoint } from './checkpointFlag.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, boolean, type FlagValues, list, optionalText } from './flags.ts';
import { ofRunFlags } from './ofRunFlags.ts';
import { engineFlagEffects, undrawnDataFlagEffects } from './trainFlagEffects.ts';

const inspectFlags = {
  Inspection: {
    checkpoint_path: trainedCheckpoint(),
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

/** Declares the flags and the action of `losslens inspect`. */
export function declareInspect(command: Command): void {
  withEffects(addFlags(command, inspectFlags), engineFlagEffects).action(
    async (flags: FlagValues<typeof inspectFlags>) => {
      const { resolveRunFlags, runFolder } = await import('./runFlags.ts');
      const { runInspection } = await import('../inspection/inspectionRun.ts');
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
