/** What a checkpoint holds: network, classes and the form of its images, from its run or from flags. */
import { dirname } from 'node:path';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { UsageError, UserError } from '../errors.ts';
import { tellOfClassOrder, withKnownClasses } from '../input/knownClasses.ts';
import { preprocessingNameOf } from '../input/networkInput.ts';
import { type DataOptions, decodedChannels, loadSplit } from '../input/splits.ts';
import { loadNetwork } from '../nets/factory.ts';
import { imageSideOf } from '../nets/imageSide.ts';
import type { ImageNetwork } from '../nets/network.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { getPreprocessing } from '../preprocessing/factory.ts';
import type { Preprocessing } from '../preprocessing/preprocessing.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';

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
 * @param namesData  whether the command line names data: without a run's record, they say the classes
 * @throws UserError  when the run's record is missing and no data are named
 * @throws UsageError  when the data that are named have classes that the network of a run does not know
 */
export async function findTrainedNetwork(
  options: TrainedNetworkOptions,
  namesData: boolean,
): Promise<TrainedNetwork> {
  const checkpoint = await resolveCheckpoint(options.checkpoint_path);
  const network = await loadNetwork(options.model_name);
  if (network.takes === 'texts') {
    throw new UsageError(
      `--model_name: ${networkTitle(options.model_name)} takes texts; expected a network of images.`,
    );
  }
  const preprocessingName = preprocessingNameOf(network, options);
  const preprocessing = getPreprocessing(preprocessingName);
  const side = imageSideOf(network, options.eval_image_size ?? options.train_image_size);
  const folder = dirname(checkpoint);
  const record = await readRunRecord(folder);
  if (record === undefined && !namesData) {
    throw new UserError(
      `--checkpoint_path: ${folder} holds no run.json, which names the classes; expected the folder of a run, or --model_name, --dataset_name and --dataset_dir.`,
    );
  }
  const data =
    record === undefined || namesData
      ? await readData(options, preprocessingName, side, record)
      : recordedData(record);
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

/** The classes of the data that the command line names; of a run, in the order of its network. */
async function readData(
  options: TrainedNetworkOptions,
  preprocessingName: string,
  side: number,
  record: RunRecord | undefined,
): Promise<DataFacts> {
  const split = await loadSplit(options, options.dataset_split_name, preprocessingName, side);
  if (record !== undefined) {
    const advice = 'The run names the classes: leave --dataset_name and --dataset_dir out.';
    withKnownClasses(split.dataset, record.dataset.classes, advice);
    return recordedData(record);
  }
  const { dataset } = split;
  tellOfClassOrder(dataset);
  const sourceChannels = decodedChannels(
    dataset.kind === 'images' ? dataset.imageShape[2] : undefined,
  );
  return { classNames: dataset.classNames, sourceChannels };
}

function recordedData({ dataset: { classes, channels } }: RunRecord): DataFacts {
  return { classNames: classes, sourceChannels: decodedChannels(channels) };
}
