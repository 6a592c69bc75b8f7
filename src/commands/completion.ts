/** `losslens completion`: a script with which a shell completes commands, flags and their choices. */
import { Argument, type Command } from 'commander';
import { show } from '../terminal.ts';
import { completionScript, type Shell, shells } from './completionScripts.ts';

/** Declares the argument and the action of `losslens completion`; the script is of all its siblings. */
export function declareCompletion(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'shell that reads it').choices(shells))
    .action((shell: Shell) => {
      show(completionScript(command.parent!, shell));
    });
}
