/** One run of `losslens predict`: classifies image files. */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../datasets/dataset.ts';
import { imageExtensions, isImageFile } from '../../datasets/images/imageFiles.ts';
import { unlessAborted } from '../console/interrupt.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import type { PrecisionChoice } from '../engines/precision.ts';
import { UserError, unreadable } from '../errors.ts';
import { decodedChannels } from '../input/splits.ts';
import { getPreprocessing } from '../preprocessing/factory.ts';
import { ItemMemory } from '../preprocessing/itemFeeds.ts';
import { imagePreparation, noRandom } from '../preprocessing/prepareImage.ts';
import { printable, show, tell } from '../terminal.ts';
import { Classifier } from './classifier.ts';
import type { TrainedNetwork } from './trainedNetwork.ts';

/** What a prediction is asked to do: flags of `losslens predict`. */
export interface PredictionOptions {
  readonly top_k: number;
  readonly batch_size: number;
  /** Set to anything, the moving averages classify. */
  readonly moving_average_decay: number | undefined;
  readonly json: boolean;
  /** Whether a file that cannot be classified is a failure, or left out; the others are in either case. */
  readonly on_bad_item: 'fail' | 'skip';
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
  readonly deterministic: boolean;
  readonly precision: PrecisionChoice;
}

/** A class that a file may be of. */
interface Prediction {
  readonly class: string;
  readonly label: number;
  /** 0..1 */
  readonly probability: number;
}

/** The images of a folder in the order of their names. @throws UserError when there are none */
function imagesOfFolder(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw unreadable(folder, error);
  }
  const names = entries.filter((entry) => !entry.isDirectory() && isImageFile(entry.name));
  if (names.length === 0) {
    const inside = entries.find((entry) => entry.isDirectory())?.name;
    const hint =
      inside === undefined
        ? ''
        : ` Folders in it are not looked into: name them, such as ${join(folder, inside)}.`;
    throw new UserError(
      `${folder}: found no images; expected files that end in ${imageExtensions.join(', ')}.${hint}`,
    );
  }
  return names.map(({ name }) => join(folder, name)).sort();
}

/** One image, decoded as for an evaluation. @throws UserError naming the file */
async function readImage(path: string, { input, maxPixels }: TrainedNetwork): Promise<Image> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const { decodeImage } = await import('../../datasets/images/decodeImage.ts');
  const size = getPreprocessing(input.preprocessingName).decodedSize(input.shape[0]);
  return decodeImage(bytes, path, {
    channels: decodedChannels(input.sourceChannels),
    size,
    maxPixels,
  });
}

/** The most probable classes, the most probable one first. */
function mostProbable(
  probabilities: ArrayLike<number>,
  classNames: readonly string[],
  count: number,
): Prediction[] {
  return Array.from(probabilities, (probability, label) => ({
    class: classNames[label]!,
    label,
    probability,
  }))
    .sort((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, count);
}

function predictionLine(file: string, predictions: readonly Prediction[], json: boolean): string {
  if (json) return JSON.stringify({ file, predictions });
  const classes = predictions.map((each) => `${each.class} ${each.probability.toFixed(4)}`);
  return printable(`${file}: ${classes.join(', ')}`);
}

/** A file with its image. */
interface ReadFile {
  readonly file: string;
  readonly image: Image;
}

/**
 * Classifies what could be read of some files, and prints a line for each.
 *
 * @returns  how many were classified; the others are among the failures
 */
async function classify(
  classifier: Classifier,
  { checkpoint, input, classNames }: TrainedNetwork & { readonly checkpoint: string },
  read: readonly ReadFile[],
  { top_k, json }: PredictionOptions,
  failures: Failures,
): Promise<number> {
  if (read.length === 0) return 0;
  const memory = new ItemMemory(input, false, read.length, ArrayBuffer);
  const feeds = memory.feedsIn(memory.allocate());
  const prepare = imagePreparation(input, false);
  for (const [row, { image }] of read.entries()) prepare(image, feeds, row, noRandom);
  const { data: probabilities } = await classifier.probabilities(feeds);
  let classified = 0;
  for (const [row, { file }] of read.entries()) {
    const own = probabilities.subarray(row * classNames.length, (row + 1) * classNames.length);
    if (!own.every(Number.isFinite)) {
      failures.add(
        new UserError(`${file}: the network of ${checkpoint} gives NaN; expected probabilities.`),
      );
      continue;
    }
    classified++;
    const predictions = mostProbable(own, classNames, top_k);
    show(`${predictionLine(file, predictions, json)}\n`);
  }
  return classified;
}

/** Names what cannot be classified, on stderr, and counts it. */
class Failures {
  count = 0;

  /** @throws the error  when it is none that the user can mend */
  add(error: unknown): void {
    if (!(error instanceof UserError)) throw error;
    tell(`losslens: ${error.message}`);
    this.count++;
  }
}

/** Whether a path leads to a folder; what cannot be looked at is named when it is read. */
function isFolderAt(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The files, and in place of folders the images in them. */
function imageFiles(paths: readonly string[], failures: Failures): string[] {
  return paths.flatMap((path) => {
    if (!isFolderAt(path)) return [path];
    try {
      return imagesOfFolder(path);
    } catch (error) {
      failures.add(error);
      return [];
    }
  });
}

/**
 * Classifies image files and prints a line for each, in their order. What cannot be read gets a line
 * on stderr, and at the end their number.
 *
 * @param paths  files, or folders of files
 * @returns      the number of failures; 0 when what could not be read is left out, but for all of it
 * @throws UserError  for what the user can mend otherwise
 * @throws the signal's reason, when it is aborted before the last line
 */
export async function predictFiles(
  options: PredictionOptions,
  trained: TrainedNetwork,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const failures = new Failures();
  const files = imageFiles(paths, failures);
  const { checkpoint_path: path, network, input, classNames } = trained;
  const numClasses = classNames.length;
  const classifier = await Classifier.open(options, { network, numClasses, input });
  let classified = 0;
  try {
    const checkpoint = await classifier.restore(path, options.moving_average_decay !== undefined);
    const restored = { ...trained, checkpoint };
    for (let first = 0; first < files.length; first += options.batch_size) {
      const batch = files.slice(first, first + options.batch_size);
      const reading = Promise.allSettled(batch.map((file) => readImage(file, trained)));
      const results = await unlessAborted(signal, reading);
      const read: ReadFile[] = [];
      for (const [i, result] of results.entries()) {
        if (result.status === 'fulfilled') read.push({ file: batch[i]!, image: result.value });
        else failures.add(result.reason);
      }
      classified += await classify(classifier, restored, read, options, failures);
    }
  } finally {
    await classifier.close();
  }
  if (failures.count === 0) return 0;
  const isLeftOut = options.on_bad_item === 'skip' && classified > 0;
  tell(
    `${isLeftOut ? 'left out' : 'could not classify'} ${failures.count} of ${classified + failures.count} files`,
  );
  return isLeftOut ? 0 : failures.count;
}
