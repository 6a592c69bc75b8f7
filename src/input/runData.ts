/** The data of a run for the commands that look at it. */
import { resolve } from 'node:path';
import { isDigestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { UserError } from '../errors.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { tell } from '../terminal.ts';
import { withKnownClasses } from './knownClasses.ts';
import { decodedChannels } from './splits.ts';
import { loadTrainingData, type TrainingData, type TrainingDataOptions } from './trainingData.ts';

/** What --labels_file has to do with labels that are others than a run's; empty without one. */
function labelsFileNote(now: string | undefined, then: unknown): string {
  const path = now === undefined ? undefined : resolve(now);
  if (path !== then) return `; --labels_file is ${path ?? 'none'}, then ${then ?? 'none'}`;
  return path === undefined ? '' : `; has --labels_file=${path} changed?`;
}

/**
 * Says so when the split that a run was trained on has other items or labels than it had then.
 *
 * @param dataset  with the labels of the network, as they are trained on
 * @param options  that chose the labels
 */
export function tellOfOtherItems(
  dataset: Dataset,
  { dataset: trained, flags }: RunRecord,
  { labels_file }: Pick<TrainingDataOptions, 'labels_file'>,
): void {
  const { name, split, items } = dataset;
  if (trained.digest === undefined || split !== trained.split) return;
  if (isDigestOf(trained.digest, dataset)) return;
  const difference =
    items.length === trained.items
      ? 'items or labels are others'
      : `it has ${items.length} items now, and had ${trained.items} then`;
  tell(
    `${name} ${split} is not what the run was trained on (${difference}${labelsFileNote(labels_file, flags['labels_file'])}): numbers of items and labels may mean others`,
  );
}

/** What a run changed of the labels of its data: it holds for no others. */
export type OwnLabels = Partial<Pick<TrainingDataOptions, 'labels_file' | 'label_noise'>>;

/** The flags that decide on the data of a run, or on others. */
export interface RunDataOptions extends TrainingDataOptions {
  /** What is left out, because the data are named otherwise than those of the run. */
  readonly ownLabels?: OwnLabels | undefined;
}

/** Loads data with the labels of a run's network. */
async function loadKnown(
  options: TrainingDataOptions,
  { dataset: { channels, classes } }: RunRecord,
): Promise<TrainingData> {
  // A split that is all grey is looked at in colour by a network that was trained in colour.
  const data = await loadTrainingData(options, decodedChannels(channels));
  return { ...data, dataset: withKnownClasses(data.dataset, classes) };
}

/**
 * Loads data with what a run changed of the labels of its own, if they are the same: a folder may
 * have been moved.
 *
 * @returns  the data, or why that is left out
 */
async function loadAsTrained(
  options: RunDataOptions,
  record: RunRecord,
): Promise<TrainingData | string> {
  for (const name of ['dataset_name', 'dataset_split_name'] as const) {
    const ofRun = record.flags[name];
    if (options[name] !== ofRun) return `--${name} is ${options[name]}, then ${ofRun}`;
  }
  const { digest } = record.dataset;
  if (digest === undefined) return 'its run.json does not say which items it was trained on';
  try {
    const data = await loadKnown({ ...options, ...options.ownLabels }, record);
    return isDigestOf(digest, data.dataset)
      ? data
      : 'items or labels are not those that it was trained on';
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/**
 * Loads the data that a run was trained on, or others that the flags name, with the labels of its
 * network. Says so when they are not what they were, and when the labels that the run corrected or
 * made wrong are therefore left out.
 *
 * @param folder  of the run; labels stay as the data have them where it holds no `run.json`
 * @throws UserError  when there is no such data
 * @throws UsageError  listing classes that the network does not know
 */
export async function loadRunData(
  folder: string | undefined,
  options: RunDataOptions,
): Promise<TrainingData> {
  const record = folder === undefined ? undefined : await readRunRecord(folder);
  if (record === undefined) return loadTrainingData(options);
  const { ownLabels = {} } = options;
  if (Object.keys(ownLabels).length > 0) {
    const data = await loadAsTrained(options, record);
    if (typeof data !== 'string') return data;
    const flags = Object.entries(ownLabels).map(([name, value]) => `--${name}=${value}`);
    tell(`${flags.join(', ')} of the run in ${folder} is left out: ${data}`);
  }
  const data = await loadKnown(options, record);
  tellOfOtherItems(data.dataset, record, options);
  return data;
}
