/**
 * One run of `losslens export --cleanlab`: labels and probabilities of a split as numpy arrays, and
 * the suspects of the run, for programs that look for wrong labels themselves.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDigestOf } from '../../datasets/dataDigest.ts';
import { type Dataset, itemOf } from '../../datasets/dataset.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { fileOf, placeOf } from '../../datasets/itemPlaces.ts';
import { makePictureFolder } from '../../datasets/pictureFolder.ts';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { Cleanup } from '../cleanup.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import type { PrecisionChoice } from '../engines/precision.ts';
import { UserError } from '../errors.ts';
import { csvRows } from '../files/csv.ts';
import { lockFolder } from '../files/folderLock.ts';
import { writeNpy } from '../files/npy.ts';
import { replaceFile, replaceFileByParts } from '../files/replaceFile.ts';
import { tellOfClassOrder } from '../input/knownClasses.ts';
import { networkInput, recordedVocabulary } from '../input/networkInput.ts';
import { loadRunData, type RunDataOptions } from '../input/runData.ts';
import { loadNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { rankedItemsOfRun } from '../runFiles/rankedItems.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { tell } from '../terminal.ts';
import { Classifier } from './classifier.ts';
import { type Suspect, writeSuspects } from './suspectFiles.ts';

/** What is exported, and how: flags of `losslens export --cleanlab`, the run's own where they are left out. */
export interface ProbabilitiesOptions extends RunDataOptions {
  readonly checkpoint_path: string;
  /** Side of the preprocessed images in pixels; by default the run's train_image_size. */
  readonly eval_image_size: number | undefined;
  /** Set to anything, the moving averages classify. */
  readonly moving_average_decay: number | undefined;
  readonly use_grayscale: boolean;
  readonly max_sequence_length: number | undefined;
  readonly num_readers: number;
  readonly num_preprocessing_threads: number;
  readonly batch_size: number;
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
  readonly deterministic: boolean;
  readonly precision: PrecisionChoice;
  readonly export_dir: string;
  /** Name of the score that ranks the suspects. */
  readonly rank_by: string | undefined;
  /** Suspects at most. */
  readonly top: number;
}

/** What was exported. */
export interface ProbabilitiesExport {
  /** Prefix of the checkpoint that gave the probabilities. */
  readonly checkpoint: string;
  readonly dataset: Pick<Dataset, 'name' | 'split'>;
  /** Rows of the arrays. */
  readonly items: number;
  /** Columns of the probabilities. */
  readonly classes: number;
  readonly suspects: number;
}

/** Written last: where it is, so is the rest. */
const probabilitiesFile = 'pred_probs.npy';
/** Rows that are made into text at once. */
const rowsPerPart = 1024;

/** Which item each row of the arrays is. */
function* indexRows({ items, places }: Dataset): Generator<string, void, undefined> {
  yield csvRows([['row', 'item', 'file']]);
  for (let first = 0; first < items.length; first += rowsPerPart) {
    const rows = Array.from(items.subarray(first, first + rowsPerPart), (item, i) => [
      first + i,
      item,
      places === undefined ? '' : placeOf(places, item),
    ]);
    yield csvRows(rows);
  }
}

/** Images that are no files of their own become some. */
async function contentOf(
  dataset: Dataset,
  item: number,
  pictures: string,
): Promise<Suspect['content']> {
  const file = fileOf(dataset.places, item);
  if (file !== undefined) return { image: file };
  const content = await itemOf(dataset, item);
  if ('text' in content) return content;
  await makePictureFolder(pictures, '--export_dir');
  const image = join(pictures, `item-${String(item).padStart(6, '0')}.png`);
  await replaceFile(image, await encodePng(content));
  return { image };
}

/** Writes the suspects where the data are what the run has scored. @returns how many there are */
async function exportSuspects(
  { export_dir, rank_by, top }: ProbabilitiesOptions,
  folder: string,
  record: RunRecord | undefined,
  dataset: Dataset,
  signal: AbortSignal,
): Promise<number> {
  const digest = record?.dataset.digest;
  if (digest === undefined || !isDigestOf(digest, dataset)) {
    const { name, split } = dataset;
    tell(`no suspects: ${name} ${split} is not what a run in ${folder} has scored`);
    return 0;
  }
  const { rankedBy, scoreNames, items } = await rankedItemsOfRun(folder, rank_by, top);
  const column = scoreNames.indexOf(rankedBy);
  const suspects: Suspect[] = [];
  for (const [i, item] of items.entries()) {
    signal.throwIfAborted();
    suspects.push({
      ...item,
      rank: i + 1,
      row: dataset.items.indexOf(item.item),
      score: item.scores[column]!,
      content: await contentOf(dataset, item.item, join(export_dir, 'images')),
    });
  }
  const { classNames, kind } = dataset;
  await writeSuspects(export_dir, { suspects, classNames, scoreName: rankedBy, kind });
  return suspects.length;
}

/**
 * Of each batch in turn, float32 [n, classes].
 *
 * @throws UserError  when the network gives an item none
 * @throws the signal's reason, when it is aborted
 */
async function* probabilitiesOf(
  classifier: Classifier,
  checkpoint: string,
  { places }: Dataset,
  pipeline: BatchPipeline,
  signal: AbortSignal,
): AsyncGenerator<Float32Array, void, undefined> {
  for await (const { itemIndices, feeds } of pipeline.epoch(0)) {
    signal.throwIfAborted();
    const probabilities = (await classifier.probabilities(feeds)).data as Float32Array;
    const bad = probabilities.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const item = itemIndices[Math.floor((bad * itemIndices.length) / probabilities.length)]!;
      throw new UserError(
        `${checkpoint}: gives NaN for item ${item}${places ? ` (${placeOf(places, item)})` : ''}; expected probabilities.`,
      );
    }
    yield probabilities;
  }
}

/**
 * Classifies a split once, as an evaluation does, and writes
 *
 * - `labels.npy`, int64 [items], and `pred_probs.npy`, float32 [items, classes], in the order of the split
 * - `index.csv`, the item and its file by row; `classes.json`, class names by label
 * - of the data that the run has scored, the items that `rank_by` ranks first, as `writeSuspects` has them
 *
 * @throws UserError  when the folder holds such an export already, cannot be written to, or another process writes
 *                    to it
 * @throws the signal's reason, when it is aborted meanwhile
 */
export async function exportProbabilities(
  options: ProbabilitiesOptions,
  signal: AbortSignal,
): Promise<ProbabilitiesExport> {
  return Cleanup.after(async (cleanup) => {
    const { export_dir } = options;
    const lock = await lockFolder(export_dir, '--export_dir', { signal });
    cleanup.add(() => lock.release());
    const target = (name: string) => join(export_dir, name);
    if (existsSync(target(probabilitiesFile))) {
      throw new UserError(
        `--export_dir: "${export_dir}" holds ${probabilitiesFile} already; expected a folder without.`,
      );
    }
    const { checkpoint_path: path, moving_average_decay } = options;
    const folder = dirname(await resolveCheckpoint(path));
    const network = await loadNetwork(options.model_name);
    const imageSize = options.eval_image_size ?? options.train_image_size;
    const record = await readRunRecord(folder);
    const { dataset } = await loadRunData(folder, { ...options, train_image_size: imageSize });
    if (record === undefined) tellOfClassOrder(dataset);
    const { items, labels, classNames } = dataset;
    const input = await networkInput(network, dataset, { ...options, imageSize }, () =>
      recordedVocabulary(folder),
    );
    const numClasses = classNames.length;
    const classifier = await Classifier.open(options, { network, numClasses, input });
    cleanup.add(() => classifier.close());
    const checkpoint = await classifier.restore(path, moving_average_decay !== undefined);
    signal.throwIfAborted();
    const suspects = await exportSuspects(options, folder, record, dataset, signal);
    await replaceFile(target('classes.json'), `${JSON.stringify(classNames)}\n`);
    await replaceFileByParts(target('index.csv'), indexRows(dataset));
    const own = BigInt64Array.from(items, (item) => BigInt(labels[item]!));
    await writeNpy(target('labels.npy'), 'int64', [items.length], [own]);
    const pipeline = new BatchPipeline(dataset, {
      isTraining: false,
      input,
      batchSize: options.batch_size,
      seed: 0,
      numThreads: options.num_preprocessing_threads,
      numReaders: options.num_readers,
    });
    cleanup.add(() => pipeline.close());
    await writeNpy(
      target(probabilitiesFile),
      'float32',
      [items.length, classNames.length],
      probabilitiesOf(classifier, checkpoint, dataset, pipeline, signal),
    );
    return { checkpoint, dataset, items: items.length, classes: classNames.length, suspects };
  });
}
