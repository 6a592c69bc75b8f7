/** What a checkpoint holds: network, classes and the form of its images, from its run or from flags. */
import { dirname } from 'node:path';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { UsageError, UserError } from '../errors.ts';
import { type DataOptions, decodedChannels, loadSplit } from '../input/splits.ts';
import { loadNetwork } from '../nets/factory.ts';
import type { ImageNetwork } from '../nets/network.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { getPreprocessing } from '../preprocessing/factory.ts';
import type { Preprocessing } from '../preprocessing/preprocessing.ts';
import { readRunRecord } from '../runFiles/runRecord.ts';

/** The flags that say so; the run's own where the command line left them out. */
export interface TrainedNetworkOptions extends DataOptions {
  readonly checkpoint_path: string;
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly use_grayscale: boolean;
  readonly train_image_size: number | undefined;
  readonly eval_image_size: number | undefined;
}

/** A network with what is needed to feed it and to understand its output. */
export interface TrainedNetwork {
  /** Prefix of the checkpoint. */
  readonly checkpoint: string;
  readonly network: ImageNetwork;
  readonly preprocessing: Preprocessing;
  /** [height, width, channels] of the preprocessed images. */
  readonly imageShape: readonly [number, number, number];
  /** Channels that images are decoded to, before they are preprocessed. */
  readonly sourceChannels: 1 | 3;
  /** Images of more pixels are not decoded. */
  readonly maxPixels: number;
  /** By label. */
  readonly classNames: readonly string[];
}

/**
 * Finds out about a checkpoint.
 *
 * @param isOtherData  whether the command line names the data: it then says the classes
 * @throws UserError   when the run's record is missing and no data is named
 */
export async function findTrainedNetwork(
  options: TrainedNetworkOptions,
  isOtherData: boolean,
): Promise<TrainedNetwork> {
  const checkpoint = await resolveCheckpoint(options.checkpoint_path);
  const network = await loadNetwork(options.model_name);
  if (network.takes === 'texts') {
    throw new UsageError(
      `--model_name: ${networkTitle(options.model_name)} takes texts; expected a network of images.`,
    );
  }
  const preprocessingName = options.preprocessing_name ?? network.preprocessingName;
  const preprocessing = getPreprocessing(preprocessingName);
  const side = options.eval_image_size ?? options.train_image_size ?? network.defaultImageSize;
  const data = isOtherData
    ? await readData(options, preprocessingName, side)
    : await recordedData(checkpoint);
  return {
    checkpoint,
    network,
    preprocessing,
    maxPixels: options.max_image_megapixels * 2 ** 20,
    imageShape: [side, side, options.use_grayscale ? 1 : data.sourceChannels],
    ...data,
  };
}

type DataFacts = Pick<TrainedNetwork, 'classNames' | 'sourceChannels'>;

async function readData(
  options: TrainedNetworkOptions,
  preprocessingName: string,
  side: number,
): Promise<DataFacts> {
  const { dataset } = await loadSplit(options, options.dataset_split_name, preprocessingName, side);
  const sourceChannels = decodedChannels(
    dataset.kind === 'images' ? dataset.imageShape[2] : undefined,
  );
  return { classNames: dataset.classNames, sourceChannels };
}

async function recordedData(checkpoint: string): Promise<DataFacts> {
  const folder = dirname(checkpoint);
  const record = await readRunRecord(folder);
  if (record === undefined) {
    throw new UserError(
      `--checkpoint_path: ${folder} holds no run.json, which names the classes; expected the folder of a run, or --model_name, --dataset_name and --dataset_dir.`,
    );
  }
  const { classes, channels } = record.dataset;
  return { classNames: classes, sourceChannels: decodedChannels(channels) };
}
