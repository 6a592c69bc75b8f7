/**
 * How well every score finds planted label errors, and what is told of the first items without knowing them: the
 * tables of docs/detection.md.
 *
 *     node dist/bench/detection.js --data DIR --out FOLDER [--networks NAME,NAME] [--noise NAME,NAME]
 *                                  [--shares 0.05,0.1,0.2] [--seeds 1,2,3]
 *
 * A cell is a network, a kind of noise, a share of wrong labels and a seed. Each is trained once, as a
 * user would, on a small set:
 *
 * - digits      lenet on the built-in digits, 4,000 items
 * - mnist       lenet on the first 6,000 items of MNIST
 * - phrases     textcnn on the built-in phrases, 3,000 items
 * - cifarnet    on the first 6,000 items of CIFAR-10
 * - head        of efficientnet_lite0 with its published weights (losslens weights get), on the same
 * - resnet      resnet_v1_20 on the same
 *
 * Kinds of noise are those of --label_noise_type, and `none`, which has no share. DIR holds MNIST's
 * files in DIR/mnist and CIFAR-10's binary ones in DIR/cifar-10-batches-bin. FOLDER keeps the runs and
 * a line of JSON for each cell in cells.jsonl: cells that have one are not trained again, so that the
 * list can grow. The tables are of all cells of FOLDER. The last line is one JSON object.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { labelNoiseTypes } from '../datasets/labels/labelNoiseType.ts';
import { markdownTable } from '../src/console/textTable.ts';
import { expectWrongLabels } from '../src/insitu/wrongLabels.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { rankedItemsOfRun } from '../src/runFiles/rankedItems.ts';
import { readAveragePrecision } from './averagePrecision.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: process.env['LOSSLENS_TEST_DATA'] },
    out: { type: 'string' },
    networks: { type: 'string', default: 'digits,mnist,phrases' },
    noise: { type: 'string', default: ['none', ...labelNoiseTypes].join(',') },
    shares: { type: 'string', default: '0.1' },
    seeds: { type: 'string', default: '1' },
  },
});
if (flags.data === undefined) throw new Error('--data: missing; expected the folder of the data');
if (flags.out === undefined) throw new Error('--out: missing; expected a folder for the runs');
const [data, out] = [flags.data, flags.out];

/** Items of MNIST and of CIFAR-10. */
const items = 6000;

/** Keeps the first items of MNIST's training images in a folder of their own. @returns its flags */
function shortMnist(): string[] {
  const folder = join(out, 'mnist');
  const shorten = (name: string, headerBytes: number, itemBytes: number) => {
    const bytes = gunzipSync(readFileSync(join(data, 'mnist', `${name}.gz`)));
    bytes.writeUInt32BE(items, 4);
    writeFileSync(join(folder, name), bytes.subarray(0, headerBytes + items * itemBytes));
  };
  if (!existsSync(folder)) {
    mkdirSync(folder);
    shorten('train-images-idx3-ubyte', 16, 784);
    shorten('train-labels-idx1-ubyte', 8, 1);
  }
  return ['--dataset_name=mnist', `--dataset_dir=${folder}`];
}

/** The same of CIFAR-10, whose training images are in five files. */
function shortCifar10(): string[] {
  const folder = join(out, 'cifar10');
  const recordBytes = 3073;
  if (!existsSync(folder)) {
    mkdirSync(folder);
    const bytes = readFileSync(join(data, 'cifar-10-batches-bin', 'data_batch_1.bin'));
    const share = (items / 5) * recordBytes;
    for (let i = 0; i < 5; i++) {
      const name = `data_batch_${i + 1}.bin`;
      writeFileSync(join(folder, name), bytes.subarray(i * share, (i + 1) * share));
    }
  }
  return ['--dataset_name=cifar10', `--dataset_dir=${folder}`];
}

const lenet = [
  ...['--model_name=lenet', '--batch_size=50', '--max_number_of_epochs=6', '--weight_decay=0'],
  ...['--optimizer=momentum', '--learning_rate=0.01', '--learning_rate_decay_type=fixed'],
];

/** Flags of the runs by network. They teach it in few epochs: a network that knows little finds little. */
const networks: Readonly<Record<string, () => string[]>> = {
  digits: () => ['--dataset_name=digits', ...lenet],
  mnist: () => [...shortMnist(), ...lenet],
  phrases: () => [
    ...['--dataset_name=phrases', '--model_name=textcnn', '--max_sequence_length=32'],
    ...['--batch_size=50', '--max_number_of_epochs=6'],
    ...['--optimizer=adam', '--learning_rate=0.001', '--learning_rate_decay_type=fixed'],
  ],
  cifarnet: () => [
    ...[...shortCifar10(), '--model_name=cifarnet', '--batch_size=32', '--max_number_of_epochs=10'],
    ...['--optimizer=momentum', '--learning_rate=0.005', '--weight_decay=0.004'],
    ...['--learning_rate_decay_type=polynomial', '--num_epochs_per_decay=10'],
    '--end_learning_rate=0',
  ],
  head: () => [
    ...[...shortCifar10(), '--model_name=efficientnet_lite0', '--train_image_size=128'],
    ...['--checkpoint_path=efficientnet_lite0', '--trainable_scopes=head', '--augmentation=none'],
    ...['--batch_size=64', '--max_number_of_epochs=10', '--optimizer=adam'],
    ...['--learning_rate=0.003', '--learning_rate_decay_type=cosine', '--end_learning_rate=0'],
  ],
  resnet: () => [
    ...[...shortCifar10(), '--model_name=resnet_v1_20', '--batch_size=32'],
    ...['--max_number_of_epochs=12', '--optimizer=momentum', '--learning_rate=0.05'],
    ...['--weight_decay=0.0001', '--learning_rate_decay_type=cosine', '--end_learning_rate=0'],
  ],
};

/** What is trained. */
interface Cell {
  readonly network: string;
  /** A type of label noise, or none. */
  readonly noise: string;
  /** Of wrong labels, 0..1. */
  readonly share: number;
  readonly seed: number;
}

/** Of the items with the highest pair_disagreement: how many carry a wrong label. */
interface ListOfItems {
  readonly length: number;
  readonly wrong: number;
  /** What the scores alone say; null where they cannot tell. */
  readonly expected: number | null;
}

/** What was found. */
interface Measured extends Cell {
  /** By score; of `none` there is nothing to find. */
  readonly averagePrecision: Readonly<Record<string, number>>;
  readonly lists: readonly ListOfItems[];
}

const percent = (share: number) => Number((100 * share).toPrecision(6));
const nameOf = ({ network, noise, share, seed }: Cell) =>
  noise === 'none' ? `${network}-none-${seed}` : `${network}-${noise}-${percent(share)}-${seed}`;

async function readLists(trainDir: string): Promise<ListOfItems[]> {
  const { items, values } = await rankedItemsOfRun(trainDir, 'pair_disagreement', 200);
  const noiseFile = join(trainDir, 'label_noise.csv');
  const [, ...rows] = existsSync(noiseFile)
    ? readFileSync(noiseFile, 'utf8').trimEnd().split('\n')
    : [];
  const wrongItems = new Set(rows.map((row) => Number(row.split(',', 1)[0])));
  return [100, 200].map((length) => ({
    length,
    wrong: items.slice(0, length).filter(({ item }) => wrongItems.has(item)).length,
    expected: expectWrongLabels(values, length) ?? null,
  }));
}

async function train(cell: Cell): Promise<Measured> {
  const { network, noise, share, seed } = cell;
  const trainDir = join(out, nameOf(cell));
  const flagsOf = networks[network];
  if (flagsOf === undefined) {
    throw new Error(`--networks: got "${network}"; expected of ${Object.keys(networks)}`);
  }
  const args = [
    ...[join(packageRoot, 'dist/bin/losslens.cjs'), 'train', `--train_dir=${trainDir}`],
    ...[...flagsOf(), `--seed=${seed}`, '--precision=float32', '--projector_items=0'],
    ...(noise === 'none' ? [] : [`--label_noise=${share}`, `--label_noise_type=${noise}`]),
    ...['--hm=', '--ns=1', '--save_summaries_secs=0', '--log_every_n_steps=1000'],
    '--rank_by=pair_disagreement',
  ];
  console.error(nameOf(cell));
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`losslens train ended with ${code}`);
  const averagePrecision = readAveragePrecision(trainDir);
  return { ...cell, averagePrecision, lists: await readLists(trainDir) };
}

mkdirSync(out, { recursive: true });
const cellsFile = join(out, 'cells.jsonl');
const measured: Measured[] = existsSync(cellsFile)
  ? readFileSync(cellsFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const known = new Set(measured.map(nameOf));
const numbers = (list: string) => list.split(',').map(Number);
for (const network of flags.networks.split(',')) {
  for (const noise of flags.noise.split(',')) {
    for (const share of noise === 'none' ? [0] : numbers(flags.shares)) {
      for (const seed of numbers(flags.seeds)) {
        const cell: Cell = { network, noise, share, seed };
        if (known.has(nameOf(cell))) continue;
        const line = await train(cell);
        appendFileSync(cellsFile, `${JSON.stringify(line)}\n`);
        measured.push(line);
      }
    }
  }
}

/** Values that have the same key, by key. */
function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values)
    groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The cells that differ in nothing but the seed, and the mean average precision of each score. */
const rows = [
  ...groupBy(
    measured.filter(({ noise }) => noise !== 'none'),
    ({ network, noise, share }) => `${network}, ${noise}, ${percent(share)} %`,
  ),
].map(([title, cells]) => {
  const names = Object.keys(cells[0]!.averagePrecision);
  const ap = new Map(
    names.map((name) => [name, mean(cells.map((cell) => cell.averagePrecision[name]!))] as const),
  );
  return { title, network: cells[0]!.network, seeds: cells.length, ap };
});

/** Scores that each row shows, beside the best of all others. */
const shown = [
  ...['pair_disagreement', 'disagreement', 'contribution', 'margin_rising_mean', 'el2n_mean'],
  'contribution_clipped_mean',
];
const best = (ap: ReadonlyMap<string, number>) => Math.max(...ap.values());
console.log(
  markdownTable(
    [
      { heading: 'network, noise, share' },
      ...['seeds', ...shown].map((heading) => ({ heading, isNumeric: true })),
      { heading: 'best score' },
    ],
    rows.map(({ title, seeds, ap }) => {
      const [name] = [...ap].find(([, value]) => value === best(ap))!;
      const values = shown.map((score) => ap.get(score)!.toFixed(3));
      return [title, String(seeds), ...values, `${best(ap).toFixed(3)} \`${name}\``];
    }),
  ),
);

/** Of each score over all rows: how far it is from the best of each row. */
const overRows = [...(rows[0]?.ap.keys() ?? [])].map((name) => {
  const gaps = rows.map(({ ap }) => ap.get(name)! - best(ap));
  const ofNetworks = groupBy(rows, ({ network }) => network).values();
  const meanAp = mean([...ofNetworks].map((part) => mean(part.map(({ ap }) => ap.get(name)!))));
  const within = (gap: number) => gaps.filter((value) => value >= -gap).length;
  return { name, meanAp, gap: mean(gaps), within: within(0.02), worst: Math.min(...gaps) };
});
overRows.sort((a, b) => b.gap - a.gap);
const headings = ['mean AP', 'less the best', `of ${rows.length} rows within .02`, 'worst'];
console.log(
  `\n${markdownTable(
    [{ heading: 'score' }, ...headings.map((heading) => ({ heading, isNumeric: true }))],
    overRows.map(({ name, meanAp, gap, within, worst }) => [
      ...[name, meanAp.toFixed(3), gap.toFixed(3), String(within), worst.toFixed(3)],
    ]),
  )}`,
);

/** What the scores alone say of the first items, cell by cell. */
const lists = measured.flatMap((cell) =>
  cell.lists.map(({ length, wrong, expected }) => [
    ...[nameOf(cell), String(length), String(wrong)],
    expected === null ? 'cannot tell' : expected.toFixed(0),
  ]),
);
const listHeadings = ['first', 'wrong', 'expected'];
console.log(
  `\n${markdownTable(
    [{ heading: 'cell' }, ...listHeadings.map((heading) => ({ heading, isNumeric: true }))],
    lists,
  )}`,
);
console.log(JSON.stringify({ cells: measured.length, scores: overRows }));
