/** The data of a run for the commands that look at it. */
import { digestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { withKnownClasses } from './knownClasses.ts';
import { decodedChannels } from './splits.ts';
import { loadTrainingData, type TrainingData, type TrainingDataOptions } from './trainingData.ts';

/**
 * Says so when the split that a run was trained on has other items or labels than it had then.
 *
 * @param dataset  with the labels of the network, as they are trained on
 */
export function tellOfOtherItems(dataset: Dataset, { dataset: trained }: RunRecord): void {
  const { name, split, items } = dataset;
  if (trained.digest === undefined || split !== trained.split) return;
  if (digestOf(dataset) === trained.digest) return;
  const difference =
    items.length === trained.items
      ? 'items or labels are others'
      : `${items.length} items, then ${trained.items}`;
  process.stderr.write(
    `${name} ${split} is not what the run was trained on (${difference}): numbers of items and labels may mean others\n`,
  );
}

/**
 * Loads the data that a run was trained on, or others that the flags name, with the labels of its
 * network. Says so when they are not what they were.
 *
 * @param folder  of the run; labels stay as the data have them where it holds no `run.json`
 * @throws UserError  when there is no such data
 * @throws UsageError  listing classes that the network does not know
 */
export async function loadRunData(
  folder: string | undefined,
  options: TrainingDataOptions,
): Promise<TrainingData> {
  const record = folder === undefined ? undefined : await readRunRecord(folder);
  // A split that is all grey is looked at in colour by a network that was trained in colour.
  const channels = record && decodedChannels(record.dataset.channels);
  const data = await loadTrainingData(options, channels);
  if (record === undefined) return data;
  const dataset = withKnownClasses(data.dataset, record.dataset.classes);
  tellOfOtherItems(dataset, record);
  return { ...data, dataset };
}
