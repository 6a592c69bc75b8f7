/** Whether data are those that a run listed in `items.csv`: pictures of others would be decided on. */
import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { isDigestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { placeOf } from '../../datasets/itemPlaces.ts';
import { UsageError } from '../errors.ts';
import { labelChangesFile } from '../runFiles/labelChanges.ts';
import type { RunRecord } from '../runFiles/runRecord.ts';
import type { RankedItems, ScoredItem } from '../runFiles/scoredItems.ts';

/** What a run left, and where the data are now. */
export interface ReviewedRun {
  /** Of the run. */
  readonly folder: string;
  /** undefined where the folder holds no `run.json`. */
  readonly record: RunRecord | undefined;
  /** --dataset_dir as it is now. */
  readonly datasetDir: string | undefined;
}

/** Whether a file has the same path below the folder of the data, which may have been moved. */
function isSameFile(listed: string, now: string, folder: string | undefined): boolean {
  if (listed === now) return true;
  if (folder === undefined) return false;
  const below = relative(resolve(folder), resolve(now));
  return `${sep}${listed}`.endsWith(`${sep}${below}`);
}

/** How an item is another now than when it was listed; undefined when it is not. */
function changeOf(
  { labels, classNames, places }: Dataset,
  { item, file, label }: ScoredItem,
  datasetDir: string | undefined,
): string | undefined {
  const nowLabel = classNames[labels[item]!]!;
  if (nowLabel !== label) return `item ${item} is labelled ${nowLabel}, then ${label}`;
  const nowFile = places === undefined ? '' : placeOf(places, item);
  return isSameFile(file, nowFile, datasetDir)
    ? undefined
    : `item ${item} is ${nowFile || 'in no file'}, then ${file || 'in none'}`;
}

/** What can be done; that `label_changes.csv` has the labels, where a labels file may be another now. */
function remedy({ folder, record }: ReviewedRun): string {
  const missing = record === undefined ? `No run.json in ${folder} names them. ` : '';
  const data = `${missing}Name the data that the run was trained on (--dataset_name, --dataset_dir, --dataset_split_name)`;
  const labelsFile = record?.flags['labels_file'];
  const changes = join(folder, labelChangesFile);
  if (typeof labelsFile !== 'string' || !existsSync(changes)) return `${data}.`;
  return `${data}, and its labels: ${labelsFile} may have been overwritten since, as by a download of the same name; --labels_file=${changes} gives what the run was trained with.`;
}

/**
 * Makes sure that the items of a run are those of the data: as many, with the same labels, and of
 * those that were ranked the same files.
 *
 * @throws UsageError  saying how they differ and what can be done
 */
export function expectItemsOfRun(
  dataset: Dataset,
  { total, items }: Pick<RankedItems, 'total' | 'items'>,
  run: ReviewedRun,
): void {
  const { name, split } = dataset;
  const difference = () => {
    const count = dataset.items.length;
    if (count !== total) return `${count} items, then ${total}`;
    const used = new Set(dataset.items);
    for (const item of items) {
      if (!used.has(item.item)) return `there is no item ${item.item}`;
      const change = changeOf(dataset, item, run.datasetDir);
      if (change !== undefined) return change;
    }
    const digest = run.record?.dataset.digest;
    return digest === undefined || isDigestOf(digest, dataset)
      ? undefined
      : 'items or labels are others';
  };
  const found = difference();
  if (found === undefined) return;
  throw new UsageError(
    `${join(run.folder, 'items.csv')}: ${name} ${split} is not what its scores are of (${found}). ${remedy(run)}`,
  );
}
