/** What a run says of itself while it goes on, a line each. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { Evaluation } from '../evaluation/evaluator.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import type { Selection } from '../recording/selectionLog.ts';
import { logdirOf } from './logdir.ts';
import type { RunOptions } from './runOptions.ts';

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
