/** `losslens verify`: whether a network's loss contributions are what theory says they are. */
import type { Command } from 'commander';
import { optionalCheckpoint } from './checkpointFlag.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, type FlagValues, integer, list } from './flags.ts';
import { ofRunFlags } from './ofRunFlags.ts';
import { engineFlagEffects } from './trainFlagEffects.ts';

const verifyFlags = {
  Verification: {
    checkpoint_path: optionalCheckpoint(
      'checkpoint or folder of a run, whose data and network are taken too; by default the initial weights',
    ),
    layers: list(
      'layers whose gradients are compared with differences, as --hm takes them; by default Hs and Hm of the run, or some',
    ),
    batch_size: integer(8, 'items per batch', { min: 2 }),
    num_batches: integer(2, 'batches that are checked', { min: 1 }),
  },
  ...ofRunFlags,
};

/** Declares the flags and the action of `losslens verify`. */
export function declareVerify(command: Command): void {
  withEffects(addFlags(command, verifyFlags), engineFlagEffects).action(
    async (flags: FlagValues<typeof verifyFlags>) => {
      const { resolveRunFlags, runFolder } = await import('./runFlags.ts');
      const { runVerification } = await import('../inspection/verificationRun.ts');
      const { checkpoint_path } = flags;
      const folder = checkpoint_path === undefined ? undefined : runFolder(checkpoint_path);
      const ofRun = await resolveRunFlags(folder, flags);
      if (!(await runVerification({ ...flags, ...ofRun, checkpoint_path }))) process.exitCode = 1;
    },
  );
}
