/** `losslens verify`: whether a network's loss contributions are what theory says they are. */
import { Command } from 'commander';
import { runVerification } from '../inspection/verificationRun.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, type FlagValues, integer, list, optionalText } from './flags.ts';
import { ofRunFlags, resolveRunFlags, runFolder } from './runFlags.ts';
import { engineFlagEffects } from './trainFlagEffects.ts';

const verifyFlags = {
  Verification: {
    checkpoint_path: optionalText(
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

/** @returns the command, for the program to add */
export function verifyCommand(): Command {
  const command = new Command('verify').description(
    'Check the loss contributions of a network on its data, against theory and against differences of the loss; exit code 1 when one fails.',
  );
  return withEffects(addFlags(command, verifyFlags), engineFlagEffects).action(
    async (flags: FlagValues<typeof verifyFlags>) => {
      const { checkpoint_path } = flags;
      const folder = checkpoint_path === undefined ? undefined : runFolder(checkpoint_path);
      const ofRun = await resolveRunFlags(folder, flags);
      if (!(await runVerification({ ...flags, ...ofRun, checkpoint_path }))) process.exitCode = 1;
    },
  );
}
