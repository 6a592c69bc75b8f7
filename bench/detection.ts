/**
 * How well every score finds planted label errors: the table of docs/detection.md.
 *
 *     node dist/bench/detection.js --data DIR [--only mnist,cifar10] [--noise symmetric,pairwise,image,cluster]
 *                                  [--seeds 1,2] [--out FOLDER]
 *
 * Trains LeNet on MNIST (5 % of the labels changed, 3 epochs) and cifarnet on CIFAR-10 (10 %,
 * 8 epochs), once for each kind of noise and each seed, as a user would, and gathers what each run
 * reports. DIR holds MNIST's four files in DIR/mnist and CIFAR-10's binary ones in
 * DIR/cifar-10-batches-bin. With --out the runs are kept in FOLDER, and those that have ended there
 * already are not run again. The last line is one JSON object.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { labelNoiseTypes } from '../datasets/labels/labelNoiseType.ts';
import { markdownTable } from '../src/console/textTable.ts';
import { scores } from '../src/insitu/scores.ts';
import { packageRoot } from '../src/packageRoot.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    only: { type: 'string', default: 'mnist,cifar10' },
    noise: { type: 'string', default: labelNoiseTypes.join(',') },
    seeds: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
});
if (flags.data === undefined) throw new Error('--data: missing; expected the folder of the data');
const data = flags.data;

/**
 * Settings of the runs by data set. Those of cifarnet teach it in 8 epochs what takes TF-Slim's script
 * (batch 128, sgd, a constant rate of 0.1) many more: a network that knows little finds little.
 */
const settings: Readonly<Record<string, readonly string[]>> = {
  mnist: [
    '--dataset_name=mnist',
    `--dataset_dir=${join(data, 'mnist')}`,
    '--model_name=lenet',
    '--label_noise=0.05',
    '--batch_size=50',
    '--max_number_of_epochs=3',
    '--optimizer=momentum',
    '--learning_rate=0.01',
    '--learning_rate_decay_type=fixed',
    '--weight_decay=0',
  ],
  cifar10: [
    '--dataset_name=cifar10',
    `--dataset_dir=${join(data, 'cifar-10-batches-bin')}`,
    '--model_name=cifarnet',
    '--label_noise=0.1',
    '--batch_size=32',
    '--max_number_of_epochs=8',
    '--optimizer=momentum',
    '--learning_rate=0.005',
    '--learning_rate_decay_type=polynomial',
    '--num_epochs_per_decay=8',
    '--end_learning_rate=0',
    '--weight_decay=0.004',
  ],
};

/** What a run found, by score and column of its detection.csv. */
type Detections = ReadonlyMap<string, Readonly<Record<string, number>>>;

function readDetections(path: string): Detections {
  const [header, ...rows] = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  return new Map(
    rows.map(([name, ...values]) => [
      name!,
      Object.fromEntries(values.map((value, i) => [header![i + 1]!, Number(value)])),
    ]),
  );
}

async function run(dataset: string, noise: string, seed: string, folder: string) {
  const trainDir = join(folder, `${dataset}-${noise}-${seed}`);
  const result = join(trainDir, 'detection.csv');
  if (!existsSync(result)) {
    const args = [
      join(packageRoot, 'dist/bin/losslens.cjs'),
      'train',
      `--train_dir=${trainDir}`,
      ...settings[dataset]!,
      `--label_noise_type=${noise}`,
      `--seed=${seed}`,
      '--precision=float32',
      '--log_every_n_steps=200',
    ];
    console.error(`${dataset}, ${noise} noise, seed ${seed}`);
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) throw new Error(`losslens train ended with ${code}`);
  }
  return readDetections(result);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const folder = flags.out ?? mkdtempSync(join(tmpdir(), 'losslens-detection-'));
const report: Record<string, unknown> = {};
try {
  for (const dataset of flags.only.split(',')) {
    const noises = flags.noise.split(',');
    const columns: { title: string; values: Map<string, number> }[] = [];
    for (const noise of noises) {
      const runs: Detections[] = [];
      for (const seed of flags.seeds.split(',')) {
        runs.push(await run(dataset, noise, seed, folder));
        report[`${dataset}, ${noise}, seed ${seed}`] = Object.fromEntries(runs.at(-1)!);
      }
      const column = (title: string, key: string) =>
        columns.push({
          title,
          values: new Map(
            Array.from(scores.keys(), (name) => [
              name,
              mean(runs.map((detections) => detections.get(name)![key]!)),
            ]),
          ),
        });
      column(`${noise}: AP`, 'average_precision');
      column('P@64', 'precision_at_64');
      column('P@1000', 'precision_at_1000');
    }
    const isAp = (title: string) => title.endsWith('AP');
    const meanAp = (name: string) =>
      mean(columns.filter(({ title }) => isAp(title)).map(({ values }) => values.get(name)!));
    const header = ['score', ...columns.map(({ title }) => title), 'mean AP'];
    const rows = [...scores.keys()]
      .sort((a, b) => meanAp(b) - meanAp(a))
      .map((name) => [
        name,
        ...columns.map(({ values }) => values.get(name)!.toFixed(3)),
        meanAp(name).toFixed(3),
      ]);
    console.log(
      `\n${dataset}: ${settings[dataset]!.filter((f) => !f.includes('_dir')).join(' ')}\n`,
    );
    const columnsOf = header.map((heading, i) => ({ heading, isNumeric: i > 0 }));
    console.log(markdownTable(columnsOf, rows));
  }
} finally {
  if (flags.out === undefined) rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify(report));
