/** Published weights by the names that --checkpoint_path takes beside paths. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { losslensHome } from '../engines/home.ts';
import { UsageError } from '../errors.ts';
import { nearestNames } from '../nearestNames.ts';
import { publishedWeights } from './catalogue.ts';

/** The file that says what a folder of weights holds; there when they are whole. */
export const recordFile = 'weights.json';

/** The folder that has a folder for each of the weights that were got. */
export function weightsFolder(): string {
  return join(losslensHome(), 'weights');
}

/** Where weights lie that were got; undefined when they were not. */
export function findWeights(name: string): string | undefined {
  const folder = join(weightsFolder(), name);
  return existsSync(join(folder, recordFile)) ? folder : undefined;
}

/** What a name is meant to be that no weights have: up to three that are nearly the same. */
export function nearestWeights(name: string): string[] {
  return nearestNames(name, publishedWeights.keys(), 3, 0.34);
}

/** Whether something at a path, or a checkpoint with this prefix, is there. */
function isPath(text: string): boolean {
  return existsSync(text) || existsSync(`${text}.index`);
}

/**
 * The path of the checkpoint that a flag names.
 *
 * @param text       a path, or the name of published weights; a path that exists wins
 * @param isAwaited  whether it may also be that of a folder that is not there yet
 * @returns  the folder of the weights, or the text as it is
 * @throws UsageError  for weights that were not got, and for a name that is nearly one
 */
export function checkpointPath(text: string, flag: string, isAwaited = false): string {
  if (isPath(text)) return text;
  if (publishedWeights.has(text)) {
    const folder = findWeights(text);
    if (folder !== undefined) return folder;
    throw new UsageError(
      `--${flag}: the weights "${text}" are not here yet. Run: losslens weights get ${text}`,
    );
  }
  const nearest = isAwaited || /[/\\]/.test(text) ? [] : nearestWeights(text);
  if (nearest.length === 0) return text;
  throw new UsageError(
    `--${flag}: got "${text}"; expected a checkpoint, a folder with one, or the name of published weights, such as ${nearest.join(', ')}. All: losslens weights list`,
  );
}
