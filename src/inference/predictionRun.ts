/** One run of `losslens predict`: classifies image files. */
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageExtensions, isImageFile } from '../../datasets/images/imageFiles.ts';
import { choosePrecision, type PrecisionChoice } from '../engines/precision.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { UserError } from '../errors.ts';
import { withChannels } from '../preprocessing/channels.ts';
import { imageInput } from '../preprocessing/itemInput.ts';
import { Classifier } from './classifier.ts';
import type { TrainedNetwork } from './trainedNetwork.ts';

/** What a prediction is asked to do: flags of `losslens predict`. */
export interface PredictionOptions {
  readonly top_k: number;
  readonly batch_size: number;
  /** Set to anything, the moving averages classify. */
  readonly moving_average_decay: number | undefined;
  readonly json: boolean;
  readonly engine: EngineChoice;
  readonly precision: PrecisionChoice;
}

/** A class that a file may be of. */
export interface Prediction {
  readonly class: string;
  readonly label: number;
  /** 0..1 */
  readonly probability: number;
}

/** The files, and in place of folders the images in them in the order of their names. */
function imageFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
    const names = readdirSync(path).filter(isImageFile).sort();
    if (names.length === 0) {
      throw new UserError(
        `${path}: found no images; expected files that end in ${imageExtensions.join(', ')}.`,
      );
    }
    return names.map((name) => join(path, name));
  });
}

/** One image as the network takes it, preprocessed as in evaluation. @throws UserError naming the file */
async function readImage(
  path: string,
  { preprocessing, imageShape, sourceChannels, maxPixels }: TrainedNetwork,
): Promise<Float32Array> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${(error as Error).message}).`);
  }
  const { decodeImage } = await import('../../datasets/images/decodeImage.ts');
  const size = preprocessing.decodedSize(imageShape[0]);
  const image = await decodeImage(bytes, path, { channels: sourceChannels, size, maxPixels });
  const out = new Float32Array(imageShape[0] * imageShape[1] * imageShape[2]);
  preprocessing.evaluate(withChannels(image, imageShape[2]), imageShape, out, () => 0);
  return out;
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
  return `${file}: ${classes.join(', ')}`;
}

/**
 * Classifies image files and prints a line for each, in their order.
 *
 * @param paths  files, or folders of files
 * @returns      the number of files that could not be read, each with a line on stderr
 * @throws UserError  for what the user can mend otherwise
 */
export async function predictFiles(
  options: PredictionOptions,
  trained: TrainedNetwork,
  paths: readonly string[],
): Promise<number> {
  const files = imageFiles(paths);
  const { checkpoint, network, imageShape, classNames } = trained;
  const { engine } = await selectEngine(options.engine);
  const classifier = await Classifier.load(engine, {
    network,
    numClasses: classNames.length,
    input: imageInput(imageShape),
    computeType: choosePrecision(options.precision, engine).computeType,
  });
  let failures = 0;
  try {
    await classifier.restore(checkpoint, options.moving_average_decay !== undefined);
    for (let first = 0; first < files.length; first += options.batch_size) {
      const batch = files.slice(first, first + options.batch_size);
      const results = await Promise.allSettled(batch.map((file) => readImage(file, trained)));
      const read: { file: string; image: Float32Array }[] = [];
      for (const [i, result] of results.entries()) {
        if (result.status === 'fulfilled') read.push({ file: batch[i]!, image: result.value });
        else if (result.reason instanceof UserError) {
          process.stderr.write(`losslens: ${result.reason.message}\n`);
          failures++;
        } else throw result.reason;
      }
      if (read.length === 0) continue;
      const data = new Float32Array(read.length * read[0]!.image.length);
      for (const [row, { image }] of read.entries()) data.set(image, row * image.length);
      const { data: probabilities } = await classifier.probabilities({
        data,
        shape: [read.length, ...imageShape],
      });
      for (const [row, { file }] of read.entries()) {
        const own = probabilities.subarray(row * classNames.length, (row + 1) * classNames.length);
        const predictions = mostProbable(own, classNames, options.top_k);
        process.stdout.write(`${predictionLine(file, predictions, options.json)}\n`);
      }
    }
  } finally {
    await classifier.close();
  }
  return failures;
}
