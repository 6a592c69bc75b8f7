/** `losslens weights`: lists and gets published weights. */
import { Argument, type Command } from 'commander';
import { publishedWeights } from '../weights/catalogue.ts';
import { addFlags, type FlagValues, optionalPath, optionalUrl, real } from './flags.ts';

const getFlags = {
  Download: {
    to: optionalPath(
      'folder in which the folder NAME appears; by default that of --checkpoint_path=NAME, below $LOSSLENS_HOME',
    ),
    base_url: optionalUrl('folder of a server that has the archive, instead of the known ones'),
    timeout_secs: real(30, 'seconds without a byte after which the next address is tried', {
      min: 0.01,
    }),
  },
};

/** The values of the flags of `losslens weights get`. */
export type GetFlags = FlagValues<typeof getFlags>;

/** Its choices are for completion alone: another name is refused with those that are near. */
function nameArgument(): Argument {
  const argument = new Argument('<name>', 'of `losslens weights list`');
  argument.argChoices = [...publishedWeights.keys()];
  return argument;
}

/** Declares the subcommands `list` and `get` of `losslens weights`. */
export function declareWeights(command: Command): void {
  command
    .command('list')
    .description('List the weights that others publish, with licence and source.')
    .action(async () => (await import('./weightsActions.ts')).list());
  const get = command
    .command('get')
    .description(
      'Get published weights, checked and whole or not at all; what broke off before goes on.',
    )
    .addArgument(nameArgument());
  addFlags(get, getFlags).action(async (name: string, flags: GetFlags) =>
    (await import('./weightsActions.ts')).get(name, flags),
  );
}
