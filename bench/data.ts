/**
 * What it costs to train from files instead of from memory: cifarnet on the TensorFlow engine, fed from
 * the binary CIFAR-10 in memory, from TFRecords and from a folder of JPEGs, side by side in one run.
 *
 *     node dist/bench/data.js [--data DIR] [--cache DIR] [--items N] [--rounds N] [--steps N]
 *
 * DIR (by default $LOSSLENS_TEST_DATA) holds cifar-10-batches-bin and cifar10-folder, with the splits
 * train and test; both are taken together. TFRecords and links are made in --cache, for the next run
 * too. "kept" is with --max_data_memory_mb as it is by default, after the first epoch; "decoded" is
 * with 0: every image is read and decoded again, as it is in the first epoch and for what exceeds the
 * bound. CPU time is that of all threads, batches that are prepared ahead included. How far the
 * resident memory rises while files feed one epoch is measured in processes of their own. The last
 * line is one JSON object.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeTfrecords } from '../datasets/convert.ts';
import { expectImages, type ImageDataset } from '../datasets/dataset.ts';
import { loadDataset } from '../datasets/factory.ts';
import { loadCifar10 } from '../datasets/formats/cifar10.ts';
import { type InMemoryDataset, inMemory } from '../datasets/inMemory.ts';
import { choosePrecision } from '../src/engines/precision.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { type Batch, BatchPipeline } from '../src/preprocessing/batchPipeline.ts';
import type { ImageInput } from '../src/preprocessing/itemInput.ts';
import { machine } from './machine.ts';
import { median } from './measure.ts';
import { TrainingStep } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: process.env['LOSSLENS_TEST_DATA'] ?? '.' },
    cache: { type: 'string', default: join(tmpdir(), 'losslens-bench-data') },
    items: { type: 'string', default: '60000' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '25' },
    untimed: { type: 'string', default: '10' },
    feed: { type: 'string' },
  },
});
const count = Number(flags.items);
const batchSize = 128;
const numThreads = 4;
const input: ImageInput = {
  kind: 'images',
  shape: [32, 32, 3],
  sourceChannels: 3,
  preprocessingName: 'cifarnet',
};
const imageBytes = 3072;
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);

/** Train and test of the binary form together, in memory. */
async function loadBinary(): Promise<InMemoryDataset> {
  const folder = join(flags.data, 'cifar-10-batches-bin');
  const [train, test] = await Promise.all([
    loadCifar10(folder, 'train'),
    loadCifar10(folder, 'test'),
  ]);
  const labels = Uint8Array.from([...train.labels, ...test.labels]).subarray(0, count);
  const pixels = new Uint8Array(new SharedArrayBuffer(count * imageBytes));
  const ofTrain = train.pixels.subarray(0, pixels.length);
  pixels.set(ofTrain);
  pixels.set(test.pixels.subarray(0, pixels.length - ofTrain.length), ofTrain.length);
  return inMemory({ ...train, labels, pixels });
}

/** Writes the TFRecords, and the folder as links to the images of both splits. */
async function prepare(source: InMemoryDataset): Promise<void> {
  mkdirSync(flags.cache, { recursive: true });
  if (!existsSync(join(flags.cache, 'cifar10_train.tfrecord'))) {
    console.log('writing TFRecords');
    await writeTfrecords(source, { folder: flags.cache, numShards: 1 });
  }
  const target = join(flags.cache, 'folder');
  if (existsSync(target)) return;
  const images = join(flags.data, 'cifar10-folder');
  for (const className of source.classNames) {
    mkdirSync(join(target, className), { recursive: true });
    for (const split of ['train', 'test']) {
      for (const file of readdirSync(join(images, split, className))) {
        symlinkSync(join(images, split, className, file), join(target, className, split + file));
      }
    }
  }
}

const defaultMaxBytes = 2 ** 30;

/** The data set in one form. @param maxBytes for decoded images */
async function load(form: string, maxBytes: number): Promise<ImageDataset> {
  if (form === 'memory') return loadBinary();
  const size = { side: 32, fit: 'crop' } as const;
  const [name, folder] =
    form === 'tfrecord' ? ['cifar10', flags.cache] : ['folder', join(flags.cache, 'folder')];
  return expectImages(await loadDataset({ name, folder, split: 'train', size, maxBytes }));
}

function feed(dataset: ImageDataset): BatchPipeline {
  return new BatchPipeline(dataset, {
    isTraining: true,
    input,
    batchSize,
    seed: 0,
    numThreads,
  });
}

async function* endless(pipeline: BatchPipeline): AsyncGenerator<Batch, never, undefined> {
  for (let epoch = 1; ; epoch++) yield* pipeline.epoch(epoch);
}

/** Bytes that docs/data.md promises: what is kept, the index, and batches that are prepared ahead. */
function promisedBytes(maxBytes: number): number {
  const kept = Math.min(maxBytes, count * imageBytes);
  // A folder's has names of files, too, here of about 40 bytes.
  const index = (36 + 8 + 40) * count;
  const ahead = (2 * numThreads + 1) * batchSize * 4 * imageBytes;
  return kept + index + ahead + numThreads * 50 * 2 ** 20;
}

/** Most memory that this process has had resident; what resourceUsage says is of its parent, too. */
function peakResidentBytes(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

/** Feeds one epoch in this process. Prints how far the resident memory rose above an idle process. */
async function measureMemory(form: string, maxBytes: number): Promise<void> {
  const before = process.memoryUsage().rss;
  const pipeline = feed(await load(form, maxBytes));
  for await (const _ of pipeline.epoch(0));
  console.log(peakResidentBytes() - before);
  process.exit(0);
}

const alternatives = {
  memory: ['memory', defaultMaxBytes],
  'TFRecords, kept': ['tfrecord', defaultMaxBytes],
  'JPEG folder, kept': ['folder', defaultMaxBytes],
  'TFRecords, decoded': ['tfrecord', 0],
  'JPEG folder, decoded': ['folder', 0],
} as const;
type Name = keyof typeof alternatives;
const names = Object.keys(alternatives) as Name[];

async function bench(): Promise<void> {
  await prepare(await loadBinary());
  const tensorflow = await loadTensorFlowEngine();
  // As `train` takes it.
  const { computeType } = choosePrecision('auto', tensorflow);
  const step = await TrainingStep.create(tensorflow, {
    modelName: 'cifarnet',
    input,
    selectionLayer: 'Logits',
    computeType,
  });
  const engine = `${tensorflow.name}, ${computeType}`;
  console.log(`${count} items, ${engine}`);
  const batches = {} as Record<Name, AsyncGenerator<Batch, never, undefined>>;
  for (const name of names) {
    const [form, maxBytes] = alternatives[name];
    const startMs = performance.now();
    const pipeline = feed(await load(form, maxBytes));
    const loadedMs = performance.now();
    // The first epoch, without steps: everything that is to be kept is.
    if (maxBytes > 0) for await (const _ of pipeline.epoch(0));
    const seconds = (performance.now() - loadedMs) / 1000;
    const first = maxBytes > 0 ? `, ${Math.round(count / seconds)} items/s without steps` : '';
    console.log(`${name}: opened in ${((loadedMs - startMs) / 1000).toFixed(2)} s${first}`);
    batches[name] = endless(pipeline);
  }
  const empty = () => Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const rates = empty() as Record<Name, number[]>;
  const cpuMs = empty() as Record<Name, number[]>;
  const steps = Number(flags.steps);
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const name of names) {
      const take = async (count: number) => {
        for (let i = 0; i < count; i++) await step.run((await batches[name].next()).value);
      };
      // The batches that were prepared in the meantime are used up.
      await take(Number(flags.untimed));
      const startMs = performance.now();
      const startCpu = process.cpuUsage();
      await take(steps);
      const { user, system } = process.cpuUsage(startCpu);
      rates[name].push((steps * batchSize * 1000) / (performance.now() - startMs));
      cpuMs[name].push((user + system) / 1000 / steps);
    }
    const inRound = names.map(
      (name) => `${name} ${Math.round(rates[name][round]!)} (${cpuMs[name][round]!.toFixed(0)})`,
    );
    console.log(`items/s (ms of CPU a step): ${inRound.join(', ')}`);
  }
  const report = {
    machine,
    engine,
    items: count,
    itemsPerSecond: {} as Record<string, number>,
    ratioToMemory: {} as Record<string, number>,
    cpuMsPerStep: {} as Record<string, number>,
    residentMiB: {} as Record<string, number>,
    promisedMiB: {} as Record<string, number>,
  };
  for (const name of names) {
    const ratio = median(rates[name].map((rate, round) => rate / rates.memory[round]!));
    const [form, maxBytes] = alternatives[name];
    console.log(
      `${name}: ${Math.round(median(rates[name]))} items/s, ${ratio.toFixed(3)} of memory; ${median(cpuMs[name]).toFixed(0)} ms of CPU a step`,
    );
    report.itemsPerSecond[name] = Math.round(median(rates[name]));
    report.ratioToMemory[name] = Number(ratio.toFixed(3));
    report.cpuMsPerStep[name] = Number(median(cpuMs[name]).toFixed(1));
    if (form === 'memory') continue;
    const { stdout } = spawnSync(process.execPath, [
      fileURLToPath(import.meta.url),
      ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
      ...['--feed', `${form}:${maxBytes}`],
    ]);
    const resident = mebibytes(Number(`${stdout}`));
    const promised = mebibytes(promisedBytes(maxBytes));
    console.log(`  ${resident} MiB resident, at most ${promised} promised`);
    report.residentMiB[name] = resident;
    report.promisedMiB[name] = promised;
  }
  console.log(JSON.stringify(report));
  process.exit(0);
}

if (flags.feed === undefined) {
  await bench();
} else {
  const [form, maxBytes] = flags.feed.split(':');
  await measureMemory(form!, Number(maxBytes));
}
