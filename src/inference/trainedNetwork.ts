/** What a checkpoint holds: network, classes and the form of its images, from its run or from flags. */
import { dirname } from 'node:path';
import type { DecodedSize } from '../../datasets/imageStore.ts';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { UsageError, UserError } from '../errors.ts';
import { tellOfClassOrder, withKnownClasses } from '../input/knownClasses.ts';
import { decodedSizeOf, preprocessingNameOf } from '../input/networkInput.ts';
import { type DataOptions, decodedChannels, loadSplit } from '../input/splits.ts';
import { loadNetwork } from '../nets/factory.ts';
import { imageSideOf } from '../nets/imageSide.ts';
import type { ImageNetwork } from '../nets/network.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import type { ImageInput } from '../preprocessing/itemInput.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { readWeightsRecord } from '../weights/record.ts';

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
  readonly checkpoint_path: string;
  readonly network: ImageNetwork;
  /** How images go into it. */
  readonly input: ImageInput;
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
  const folder = dirname(await resolveCheckpoint(options.checkpoint_path));
  const network = await loadNetwork(options.model_name);
  if (network.takes === 'texts') {
    throw new UsageError(
      `--model_name: ${networkTitle(options.model_name)} takes texts; expected a network of images.`,
    );
  }
  const preprocessingName = preprocessingNameOf(network, options);
  const imageSize = options.eval_image_size ?? options.train_image_size;
  const side = imageSideOf(network, imageSize);
  const record = await readRunRecord(folder);
  const known = record?.dataset ?? (await factsOfWeights(folder));
  if (known === undefined && !namesData) {
    throw new UserError(
      `--checkpoint_path: ${folder} holds no run.json, which names the classes; expected the folder of a run, or --model_name, --dataset_name and --dataset_dir.`,
    );
  }
  const { classNames, sourceChannels } =
    known === undefined || namesData
      ? await readData(options, decodedSizeOf(network, { ...options, imageSize }), record)
      : recordedData(known);
  return {
    checkpoint_path: options.checkpoint_path,
    network,
    input: {
      kind: 'images',
      shape: [side, side, options.use_grayscale ? 1 : sourceChannels],
      sourceChannels,
      preprocessingName,
    },
    maxPixels: options.max_image_megapixels * 2 ** 20,
    classNames,
  };
}

/** What the data of a network say of it. */
interface DataFacts {
  readonly classNames: readonly string[];
  /** Channels that images are decoded to. */
  readonly sourceChannels: 1 | 3;
}

/** The classes of the data that the command line names; of a run, in the order of its network. */
async function readData(
  options: TrainedNetworkOptions,
  size: DecodedSize | undefined,
  record: RunRecord | undefined,
): Promise<DataFacts> {
  const split = await loadSplit(options, options.dataset_split_name, size);
  if (record !== undefined) {
    const advice = 'The run names the classes: leave --dataset_name and --dataset_dir out.';
    withKnownClasses(split.dataset, record.dataset.classes, advice);
    return recordedData(record.dataset);
  }
  const { dataset } = split;
  tellOfClassOrder(dataset);
  const sourceChannels = decodedChannels(
    dataset.kind === 'images' ? dataset.imageShape[2] : undefined,
  );
  return { classNames: dataset.classNames, sourceChannels };
}

type RecordedFacts = Pick<RunRecord['dataset'], 'classes' | 'channels'>;

/** What is known of the data of published weights; undefined when the folder holds none. */
async function factsOfWeights(folder: string): Promise<RecordedFacts | undefined> {
  const weights = await readWeightsRecord(folder);
  return weights && { classes: Array.from({ length: weights.classes }, (_, label) => `${label}`) };
}

function recordedData({ classes, channels }: RecordedFacts): DataFacts {
  return { classNames: classes, sourceChannels: decodedChannels(channels) };
}
