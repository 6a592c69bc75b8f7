/** What a run says of itself on the console. */
import { dirname, isAbsolute, join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { durationText } from '../console/progress.ts';
import type { Evaluation } from '../evaluation/evaluator.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import type { TrainingGraph } from '../model/trainingGraph.ts';
import type { Selection } from '../recording/inSituRecorder.ts';
import type { RunOptions } from './runOptions.ts';
import type { TrainingResult } from './trainer.ts';

/** One line about what a run trains on. */
export function dataLine({ name, split, items, classNames, kind }: Dataset): string {
  const classes = `${classNames.length} ${classNames.length === 1 ? 'class' : 'classes'}`;
  const what = kind === 'texts' ? 'texts' : 'images';
  return `data: ${name} ${split}, ${items.length} ${what} of ${classes}`;
}

/** One line about what an epoch brought. */
export function epochLine(
  epoch: number,
  selection: Selection | null,
  evaluation: Evaluation | undefined,
): string {
  const parts: string[] = [];
  if (evaluation !== undefined) {
    parts.push(`accuracy ${evaluation.accuracy.toFixed(4)} on ${evaluation.items} items`);
  }
  const selected = selection?.records.length ?? 0;
  if (selection?.detection !== undefined) {
    const { found, averagePrecision } = selection.detection;
    parts.push(`${found} of ${selected} selected items carry a planted wrong label`);
    parts.push(`average precision ${averagePrecision.toFixed(3)} over all items`);
  } else if (selection !== null) {
    parts.push(`selected ${selected} items`);
  }
  return `epoch ${epoch}: ${parts.join(', ') || 'done'}`;
}

/**
 * Where TensorBoard is to look: the folder of the runs where a run lies in one, such as `runs/lenet`.
 * The folder that an absolute path lies in may hold anything else.
 */
function logdirOf(trainDir: string): string {
  const parent = dirname(trainDir);
  return isAbsolute(trainDir) || parent === '.' ? trainDir : parent;
}

/**
 * How to follow a run: TensorBoard has to be told at its start how long the series are going to be.
 *
 * @param lastStep  steps of the whole run; Infinity when it has no end
 */
export function followLine(
  { train_dir, log_every_n_steps }: RunOptions,
  lastStep: number,
  perEpoch: number,
): string {
  const hasEnd = Number.isFinite(lastStep);
  const epochs = hasEnd ? Math.ceil(lastStep / perEpoch) : 1000;
  const scalars = hasEnd ? Math.floor(lastStep / log_every_n_steps) : 0;
  const command = tensorboardCommand(logdirOf(train_dir), {
    images: epochs,
    text: epochs,
    scalars,
  });
  return `to follow it: ${command}`;
}

/**
 * What a run leaves behind, and how to look at it.
 *
 * @param expectation  what planted errors say of the ranking
 * @param lost         what could not be written
 */
export function printReport(
  { train_dir, batch_size }: RunOptions,
  { step, steps, seconds, interrupted }: TrainingResult,
  longestSeries: Readonly<Record<string, number>>,
  { selectionLayer, monitoredLayers }: Pick<TrainingGraph, 'selectionLayer' | 'monitoredLayers'>,
  expectation: string | undefined,
  lost: string | undefined,
): void {
  const monitoring = monitoredLayers.length > 0 ? ' and Monitoring Views' : '';
  const views = selectionLayer === null ? 'summaries' : `Selection Views${monitoring}`;
  const command = tensorboardCommand(logdirOf(train_dir), longestSeries);
  process.stderr.write(
    `${interrupted ? 'stopped' : 'done'} after ${step} steps${speedText(steps * batch_size, seconds)}\n` +
      (lost === undefined ? '' : `${lost}\n`) +
      (expectation === undefined
        ? ''
        : `${expectation}\nall scores: ${join(train_dir, 'detection.csv')}\n`) +
      (selectionLayer === null
        ? ''
        : `selected items: ${join(train_dir, 'selection.csv')}; every item: ${join(train_dir, 'items.csv')}\n`) +
      `${views}: ${command}\n`,
  );
}

/** Nothing where no step was done: the run had only to be concluded. */
function speedText(items: number, seconds: number): string {
  return items === 0 ? '' : `: ${durationText(seconds)}, ${Math.round(items / seconds)} items/s`;
}
