/** What a run says at its end: what it leaves, and how to look at it. */
import { join } from 'node:path';
import { durationText } from '../console/progress.ts';
import { itemsPerStep } from '../epochs.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import { isFile } from '../files/statsOf.ts';
import type { TrainingGraph } from '../model/trainingGraph.ts';
import { tell } from '../terminal.ts';
import { logdirOf } from './logdir.ts';
import type { RunOptions } from './runOptions.ts';
import type { TrainingResult } from './trainer.ts';

/**
 * What a run leaves behind, and how to look at it.
 *
 * @param expectation  what the items that rank first are worth; null where none are ranked
 * @param warnings     what could not be written, and which steps were left out
 */
export function printReport(
  options: RunOptions,
  { step, steps, seconds, interrupted }: TrainingResult,
  longestSeries: Readonly<Record<string, number>>,
  { selectionLayer, monitoredLayers }: Pick<TrainingGraph, 'selectionLayer' | 'monitoredLayers'>,
  expectation: string | null,
  warnings: readonly (string | undefined)[],
): void {
  const { train_dir, label_noise } = options;
  const monitoring = monitoredLayers.length > 0 ? ' and Monitoring Views' : '';
  const views = selectionLayer === null ? 'summaries' : `Selection Views${monitoring}`;
  const command = tensorboardCommand(logdirOf(train_dir), longestSeries);
  tell(
    `${interrupted ? 'stopped' : 'done'} after ${step} steps${speedText(steps * itemsPerStep(options), seconds)}`,
  );
  for (const warning of warnings) if (warning !== undefined) tell(warning);
  if (expectation !== null) {
    tell(expectation);
    if (label_noise > 0) tellFiles(train_dir, { 'all scores': 'detection.csv' });
  }
  if (selectionLayer !== null) {
    tellFiles(train_dir, { 'selected items': 'selection.csv', 'every item': 'items.csv' });
  }
  tell(`${views}: ${command}`);
}

/** Names files of the run, by what they hold; those that could not be written are left out. */
function tellFiles(folder: string, files: Readonly<Record<string, string>>): void {
  const texts = Object.entries(files)
    .map(([what, name]) => ({ what, path: join(folder, name) }))
    .filter(({ path }) => isFile(path))
    .map(({ what, path }) => `${what}: ${path}`);
  if (texts.length > 0) tell(texts.join('; '));
}

/** Nothing where no step was done: the run had only to be concluded. */
function speedText(items: number, seconds: number): string {
  return items === 0 ? '' : `: ${durationText(seconds)}, ${Math.round(items / seconds)} items/s`;
}
