/** What a run says at its end: what it leaves, and how to look at it. */
import { join } from 'node:path';
import { durationText } from '../console/progress.ts';
import { itemsPerStep } from '../epochs.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import { isFile } from '../files/statsOf.ts';
import type { TrainingGraph } from '../model/trainingGraph.ts';
import type { LostWrites } from '../recording/lostWrites.ts';
import { tell } from '../terminal.ts';
import { logdirOf } from './logdir.ts';
import type { RunOptions } from './runOptions.ts';
import type { TrainingResult } from './trainer.ts';

/**
 * What a run leaves behind, and how to look at it.
 *
 * @param expectation  what the items that rank first are worth; null where none are ranked
 * @param skippedSteps  which steps were left out; undefined where none were
 */
export function printReport(
  options: RunOptions,
  { step, steps, seconds, interrupted }: TrainingResult,
  longestSeries: Readonly<Record<string, number>>,
  { selectionLayer, monitoredLayers }: Pick<TrainingGraph, 'selectionLayer' | 'monitoredLayers'>,
  expectation: string | null,
  skippedSteps: string | undefined,
  lost: LostWrites,
): void {
  const { train_dir, label_noise } = options;
  const monitoring = monitoredLayers.length > 0 ? ' and Monitoring Views' : '';
  const views = selectionLayer === null ? 'summaries' : `Selection Views${monitoring}`;
  const command = tensorboardCommand(logdirOf(train_dir), longestSeries);
  tell(
    `${interrupted ? 'stopped' : 'done'} after ${step} steps${speedText(steps * itemsPerStep(options), seconds)}`,
  );
  for (const warning of [lost.summary, skippedSteps]) if (warning !== undefined) tell(warning);
  if (expectation !== null) {
    tell(expectation);
    if (label_noise > 0) {
      tellFiles(train_dir, lost, [{ what: 'all scores', file: 'detection.csv' }]);
    }
  }
  if (selectionLayer !== null) {
    tellFiles(train_dir, lost, [
      { what: 'selected items', file: 'selection.csv', kind: 'selections' },
      { what: 'every item', file: 'items.csv', kind: 'versions of items.csv' },
    ]);
  }
  tell(`${views}: ${command}`);
}

/** A file of the run. */
interface ResultFile {
  /** What it holds. */
  readonly what: string;
  readonly file: string;
  /** As which `LostWrites` counts it, where that is not its name. */
  readonly kind?: string;
}

/** Names files of the run, but for those that are not there. */
function tellFiles(folder: string, lost: LostWrites, files: readonly ResultFile[]): void {
  const texts = files
    .map((each) => ({ ...each, path: join(folder, each.file) }))
    .filter(({ path }) => isFile(path))
    .map(({ what, path, file, kind = file }) => {
      const age = lost.has(kind) ? ' (it may be of an earlier epoch)' : '';
      return `${what}: ${path}${age}`;
    });
  if (texts.length > 0) tell(texts.join('; '));
}

/** Nothing where no step was done: the run had only to be concluded. */
function speedText(items: number, seconds: number): string {
  return items === 0 ? '' : `: ${durationText(seconds)}, ${Math.round(items / seconds)} items/s`;
}
