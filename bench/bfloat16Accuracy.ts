/**
 * What a network learns in bfloat16 and in float32: test accuracy, and average precision of finding planted labels.
 *
 *     node dist/bench/bfloat16Accuracy.js --data DIR --out FOLDER [--epochs 5] [--seeds 1,2,3]
 *                                         [--precisions float32,emulated] [--only step|training] [--steps N]
 *
 * - step: how far a step with emulated products (bench/emulatedBfloat16.ts) is from TensorFlow's own in bfloat16, and how
 *   far one in float32 is from that
 * - training: cifarnet on CIFAR-10 as in the README, with 5 % of the labels changed and the learning rate divided by ten
 *   for the last fifth; the last weights are evaluated. Where TensorFlow is fast at bfloat16, --precisions float32,bfloat16
 *   takes its own kernels
 *
 * DIR/cifar-10-batches-bin holds CIFAR-10's binary files. FOLDER keeps the runs: what is there is not trained again, so
 * that a bench that was stopped goes on and seeds can be added. --steps ends each run after so many, to try it. The last
 * line is one JSON object.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from '../src/console/textTable.ts';
import type { Engine } from '../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { accuracyTag } from '../src/evaluation/evaluationReport.ts';
import { readEvents } from '../src/events/readEvents.ts';
import { runTraining } from '../src/training/run.ts';
import type { RunOptions } from '../src/training/runOptions.ts';
import { readAveragePrecision } from './averagePrecision.ts';
import { defaultOptions } from './defaultOptions.ts';
import { withEmulatedBfloat16 } from './emulatedBfloat16.ts';
import { emulationErrors, type StepDistance } from './emulationError.ts';
import { machine } from './machine.ts';
import { firstBatch } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string', default: process.env['LOSSLENS_TEST_DATA'] },
    out: { type: 'string', default: join('runs', 'bfloat16') },
    epochs: { type: 'string', default: '5' },
    seeds: { type: 'string', default: '1,2,3' },
    precisions: { type: 'string', default: 'float32,emulated' },
    only: { type: 'string' },
    steps: { type: 'string' },
  },
});
const epochs = Number(flags.epochs);

/** What is trained. */
interface Cell {
  /** float32; bfloat16, as TensorFlow computes it; or emulated, with its products in float32. */
  readonly precision: string;
  readonly seed: number;
}

/** What came of it. */
interface Measured extends Cell {
  /** Share of the test items that the last weights get right, 0..1. */
  readonly accuracy: number;
  /** Of finding the changed labels, by score. */
  readonly averagePrecision: Readonly<Record<string, number>>;
}

/** cifarnet on CIFAR-10 as in the README, without what is shown of it. */
function optionsOf({ precision, seed }: Cell, data: string): RunOptions {
  return {
    ...defaultOptions(),
    ...{ dataset_name: 'cifar10', dataset_dir: join(data, 'cifar-10-batches-bin') },
    ...{ model_name: 'cifarnet', batch_size: 128, weight_decay: 0.004, label_noise: 0.05 },
    ...{ optimizer: 'sgd', learning_rate: 0.1, learning_rate_decay_factor: 0.1 },
    ...{ num_epochs_per_decay: 0.8 * epochs, max_number_of_epochs: epochs },
    max_number_of_steps: flags.steps === undefined ? undefined : Number(flags.steps),
    ...{ engine: 'tensorflow', precision: precision === 'float32' ? 'float32' : 'bfloat16', seed },
    ...{ hm: [], projector_items: 0, save_summaries_secs: 0, log_every_n_steps: 100 },
    eval_interval_epochs: epochs,
    train_dir: join(flags.out, `${precision}-${epochs}-epochs-seed-${seed}`),
  };
}

/** The accuracy that a run's last evaluation found. */
function readAccuracy(trainDir: string): number {
  const values = [...readEvents(join(trainDir, 'eval'))].flatMap((event) => event.values);
  const last = values.filter(({ tag }) => tag === accuracyTag).at(-1);
  return (last!.tensor['float_val'] as number[])[0]!;
}

/** Trains a cell, or the rest of it. */
async function measure(cell: Cell, tensorflow: Engine, data: string): Promise<Measured> {
  const options = optionsOf(cell, data);
  const engine = cell.precision === 'emulated' ? withEmulatedBfloat16(tensorflow) : tensorflow;
  console.error(`\n== ${options.train_dir}`);
  const exitCode = await runTraining(options, Promise.resolve({ engine, reason: 'for the bench' }));
  if (exitCode !== 0) process.exit(exitCode);
  const { train_dir } = options;
  return {
    ...cell,
    accuracy: readAccuracy(train_dir),
    averagePrecision: readAveragePrecision(train_dir),
  };
}

/** "0.701 ± 0.004": mean and standard deviation; of one value that value, of none nothing. */
function spreadText(values: readonly number[]): string {
  if (values.length === 0) return '';
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return mean.toFixed(3);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return `${mean.toFixed(3)} ± ${Math.sqrt(squares / (values.length - 1)).toFixed(3)}`;
}

/** Scores that the table shows; the JSON object has all. */
const shownScores = ['contribution', 'contribution_mean', 'contribution_clipped_mean'];
shownScores.push('loss_mean', 'el2n_mean', 'margin_rising_mean', 'disagreement');

/** Accuracy and average precision by precision, and what each has more than the first one with the same seed. */
function resultTable(measured: readonly Measured[], precisions: readonly string[]): string {
  const [first, ...others] = precisions;
  const headings = [...precisions, ...others.map((other) => `${other} − ${first}`)];
  const row = (title: string, resultOf: (each: Measured) => number) => {
    const lists = precisions.map((precision) =>
      measured.filter((each) => each.precision === precision).map(resultOf),
    );
    const [ofFirst = [], ...ofOthers] = lists;
    const more = ofOthers.map((list) => list.map((value, i) => value - ofFirst[i]!));
    return [title, ...[...lists, ...more].map(spreadText)];
  };
  return markdownTable(
    [{ heading: `${epochs} epochs` }, ...headings.map((heading) => ({ heading, isNumeric: true }))],
    [
      row('test accuracy', ({ accuracy }) => accuracy),
      ...shownScores.map((score) =>
        row(`AP, ${score}`, ({ averagePrecision }) => averagePrecision[score]!),
      ),
    ],
  );
}

/** What differs of a step, by what is compared. */
function distanceTable(distances: readonly StepDistance[]): string {
  const headings = ['emulated', 'float32', 'items that emulated does not give bit by bit'];
  return markdownTable(
    [
      { heading: 'distance from TensorFlow in bfloat16' },
      ...headings.map((heading) => ({ heading, isNumeric: true })),
    ],
    distances.map(({ name, emulated, float32, otherItems }) => [
      ...[name, emulated.toExponential(1), float32.toExponential(1)],
      otherItems === null ? '' : `${(100 * otherItems).toFixed(0)} %`,
    ]),
  );
}

const tensorflow = await loadTensorFlowEngine();
console.log(`${machine}; ${tensorflow.name}`);
const report: Record<string, unknown> = { machine, engine: tensorflow.name };
if (flags.only !== 'training') {
  const distances = await emulationErrors(tensorflow, {
    ...{ modelName: 'cifarnet', stepsBefore: 20 },
    first: await firstBatch('shapes', 'cifarnet', 128),
    monitoredLayers: ['conv1', 'pool1', 'conv2', 'pool2', 'fc3', 'fc4', 'Logits'],
  });
  console.log(distanceTable(distances));
  report['step'] = distances;
}
if (flags.only !== 'step') {
  const { data } = flags;
  if (data === undefined) throw new Error('--data: missing; expected the folder of the data');
  const precisions = flags.precisions.split(',');
  const measured: Measured[] = [];
  for (const seed of flags.seeds.split(',').map(Number)) {
    for (const precision of precisions) {
      measured.push(await measure({ precision, seed }, tensorflow, data));
      console.log(`\n${resultTable(measured, precisions)}`);
    }
  }
  Object.assign(report, { epochs, cells: measured });
}
console.log(JSON.stringify(report));
process.exit(0);
