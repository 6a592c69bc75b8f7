/** The flag --checkpoint_path, which takes a path or the name of published weights. */
import { UsageError } from '../errors.ts';
import { checkpointPath } from '../weights/byName.ts';
import type { Flag } from './flags.ts';

function parsed(value: string, name: string, isAwaited: boolean): string {
  // What a script makes of a variable that is not set.
  if (value === '') throw new UsageError(`--${name}: got ""; expected a path.`);
  return checkpointPath(value, name, isAwaited);
}

/** A checkpoint that may be left out. @param help  what is done with it */
export function optionalCheckpoint(help: string): Flag<string | undefined> {
  return {
    parse: (value, name) => parsed(value, name, false),
    defaultValue: undefined,
    placeholder: 'PATH|NAME',
    help: `${help}, or the name of published weights (losslens weights list)`,
  };
}

/**
 * A trained checkpoint, by default the latest of the default folder of train.
 *
 * @param isAwaited  whether it may be a folder that is not there yet
 */
export function trainedCheckpoint(isAwaited = false): Flag<string> {
  return {
    ...optionalCheckpoint('checkpoint, or a folder whose latest one is taken'),
    parse: (value, name) => parsed(value, name, isAwaited),
    defaultValue: 'runs/train',
  };
}
