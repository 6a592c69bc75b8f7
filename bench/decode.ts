/**
 * Reading, decoding and preprocessing of photos: ours beside a PyTorch DataLoader with Pillow, on the same JPEG files
 * and the same cores in the same minutes.
 *
 *     node dist/bench/decode.js [--photos N] [--rounds N] [--data DIR]
 *
 * The files are made (--photos of them, half of 500×375 pixels and half of 224×224, quality 90), or those in
 * DIR/CLASS. Each of both goes through all of them once a round, in turn, with the vgg preprocessing to 224×224:
 * resized, cropped, and to train mirrored. No network takes the batches, and nothing decoded is kept. Each is a process
 * of its own that is bound (taskset) to one core or to two, with as many workers as cores. $LOSSLENS_PYTHON, or
 * python3, has PyTorch, torchvision and Pillow; without them ours is measured alone. The last line is one JSON object:
 * medians in items per second and their ratios.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { expectImages } from '../datasets/dataset.ts';
import { loadDataset } from '../datasets/factory.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { BatchPipeline } from '../src/preprocessing/batchPipeline.ts';
import { getPreprocessing } from '../src/preprocessing/factory.ts';
import { processors } from './machine.ts';
import { writePhotos } from './madeData.ts';
import { median } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    photos: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '5' },
    data: { type: 'string' },
    feed: { type: 'string' },
    workers: { type: 'string' },
  },
});
const batchSize = 32;
const side = 224;
const modes = ['train', 'evaluate'] as const;

/** Goes through a folder for each line of standard input, and prints the items per second. */
async function feed(folder: string, numThreads: number, isTraining: boolean): Promise<void> {
  const preprocessingName = 'vgg';
  const dataset = expectImages(
    await loadDataset({
      name: 'folder',
      folder,
      split: 'train',
      size: getPreprocessing(preprocessingName).decodedSize(side),
      maxBytes: 0,
    }),
  );
  const pipeline = new BatchPipeline(dataset, {
    isTraining,
    input: { kind: 'images', shape: [side, side, 3], sourceChannels: 3, preprocessingName },
    batchSize,
    seed: 1,
    numThreads,
  });
  for await (const _ of pipeline.epoch(0));
  console.log('ready', `Node ${process.versions.node}`);
  let epoch = 0;
  for await (const _ of createInterface({ input: process.stdin })) {
    const startMs = performance.now();
    for await (const _batch of pipeline.epoch(++epoch));
    console.log((1000 * dataset.items.length) / (performance.now() - startMs));
  }
  await pipeline.close();
}

/** A process that goes through the files when it is told to. */
interface Feeder {
  readonly name: string;
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
  readonly rates: number[];
}

/** Starts one on the first cores of the machine. @returns null where it does not get ready */
async function start(name: string, cores: number, command: readonly string[]) {
  const onCores = ['-c', cores === 1 ? '0' : `0-${cores - 1}`, ...command];
  // As the command line sets it: a thread that decodes for each core.
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(Math.max(4, cores)) };
  const child = spawn('taskset', onCores, { stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next();
  if (ready.done) return null;
  console.log(`${name}: ${ready.value}`);
  return { name, child, lines, rates: [] } satisfies Feeder;
}

async function compare(folder: string): Promise<Record<string, unknown>> {
  const python = process.env['LOSSLENS_PYTHON'] ?? 'python3';
  const script = join(packageRoot, 'bench/python/dataloader.py');
  const self = fileURLToPath(import.meta.url);
  const feeders: Feeder[] = [];
  const coresOf = [1, 2].filter((cores) => cores <= availableParallelism());
  for (const cores of coresOf) {
    for (const mode of modes) {
      const name = `${mode}, ${cores} core${cores === 1 ? '' : 's'}`;
      const ours = ['--feed', mode, '--data', folder, '--workers', String(cores)];
      const theirs = [script, folder, String(batchSize), String(cores), mode];
      const some = [
        await start(`${name}, losslens`, cores, [process.execPath, self, ...ours]),
        await start(`${name}, PyTorch`, cores, [python, ...theirs]),
      ];
      feeders.push(...some.filter((feeder) => feeder !== null));
    }
  }
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const { child, lines, rates } of round % 2 === 0 ? feeders : feeders.toReversed()) {
      child.stdin!.write('go\n');
      rates.push(Number((await lines.next()).value));
    }
  }
  const rateOf = new Map(feeders.map(({ name, rates }) => [name, median(rates)]));
  for (const { name, rates, child } of feeders) {
    child.stdin!.end();
    console.log(`${name}: ${rates.map(Math.round).join(', ')} items/s`);
  }
  const ratios: Record<string, number> = {};
  const ratio = (name: string, above: string, below: string) => {
    const [a, b] = [rateOf.get(above), rateOf.get(below)];
    if (a !== undefined && b !== undefined) ratios[name] = Number((a / b).toFixed(3));
  };
  for (const mode of modes) {
    for (const name of [`${mode}, 1 core`, `${mode}, 2 cores`]) {
      ratio(`${name}: losslens ÷ PyTorch`, `${name}, losslens`, `${name}, PyTorch`);
    }
    for (const who of ['losslens', 'PyTorch']) {
      ratio(`${mode}, ${who}: 2 cores ÷ 1`, `${mode}, 2 cores, ${who}`, `${mode}, 1 core, ${who}`);
    }
  }
  for (const [name, value] of Object.entries(ratios)) console.log(`${name} = ${value}`);
  if (!feeders.some(({ name }) => name.endsWith('PyTorch'))) {
    console.log(
      `PyTorch is left out: ${python} has no PyTorch with torchvision ($LOSSLENS_PYTHON)`,
    );
  }
  return { itemsPerSecond: Object.fromEntries(rateOf), ratios };
}

if (flags.feed !== undefined) {
  await feed(flags.data!, Number(flags.workers), flags.feed === 'train');
} else {
  const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
  try {
    if (flags.data === undefined) {
      await writePhotos(folder, Number(flags.photos), [
        [500, 375],
        [224, 224],
      ]);
    }
    console.log(JSON.stringify({ machine: processors, ...(await compare(flags.data ?? folder)) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
