/**
 * Speed of training, as ratios of what is measured side by side in one run.
 *
 *     node dist/bench/training.js [--data DIR] [--rounds N] [--only end-to-end|precision|engines]
 *
 * - end to end: `losslens train` of LeNet, both views included, against the bare tf.function step of
 *   the same network and batch in Python TensorFlow ($LOSSLENS_PYTHON, or python3)
 * - precision: one training step in bfloat16 against one in float32, contributions included
 * - engines: one training step on WebAssembly against one on TensorFlow, in float32
 *
 * DIR holds MNIST's four files in DIR/mnist; without it the built-in digits take its place. The last
 * line is one JSON object. What cannot run on this machine is left out, with the reason.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Engine } from '../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { createWasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { NoEngineError } from '../src/errors.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { Contestant } from './contestant.ts';
import { machine } from './machine.ts';
import { interleave, median, type Timing, timingText } from './measure.ts';
import { firstBatch, TrainingStep } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const report: Record<string, unknown> = {
  machine,
};

/** Prints two timings and their ratio, and puts them into the report. */
function compare(
  name: string,
  [firstName, first]: readonly [string, Timing],
  [secondName, second]: readonly [string, Timing],
): void {
  const ratio = first.medianMs / second.medianMs;
  console.log(`${name}: ${firstName} ÷ ${secondName} = ${ratio.toFixed(3)}`);
  console.log(`  ${firstName}: ${timingText(first)}`);
  console.log(`  ${secondName}: ${timingText(second)}`);
  report[name] = { [firstName]: first, [secondName]: second, ratio };
}

const networks = [
  { modelName: 'lenet', dataset: 'digits', batchSize: 50 },
  { modelName: 'cifarnet', dataset: 'shapes', batchSize: 128 },
] as const;

const inSitu = { selectionLayer: 'Logits', monitoredLayers: ['pool1', 'pool2'] };

async function benchPrecision(engine: Engine): Promise<void> {
  for (const { modelName, dataset, batchSize } of networks) {
    const { input, batch } = await firstBatch(dataset, modelName, batchSize);
    const load = (computeType: 'float32' | 'bfloat16') =>
      TrainingStep.create(engine, { modelName, input, computeType, ...inSitu });
    const float32 = await load('float32');
    const bfloat16 = await load('bfloat16');
    const timings = await interleave(
      { float32: () => float32.run(batch), bfloat16: () => bfloat16.run(batch) },
      20 * rounds,
    );
    compare(
      `precision, ${modelName}, batch ${batchSize}`,
      ['bfloat16', timings.bfloat16],
      ['float32', timings.float32],
    );
    await float32.session.close();
    await bfloat16.session.close();
  }
}

async function benchEngines(tensorflow: Engine, wasm: Engine): Promise<void> {
  for (const { modelName, dataset, batchSize } of networks) {
    const { input, batch } = await firstBatch(dataset, modelName, batchSize);
    const fast = await TrainingStep.create(tensorflow, { modelName, input, ...inSitu });
    const slow = await TrainingStep.create(wasm, { modelName, input, ...inSitu });
    const timings = await interleave(
      { tensorflow: () => fast.run(batch), wasm: () => slow.run(batch) },
      4 * rounds,
      1,
    );
    compare(
      `engines, ${modelName}, batch ${batchSize}`,
      ['wasm', timings.wasm],
      ['tensorflow', timings.tensorflow],
    );
    await fast.session.close();
    await slow.session.close();
  }
}

/** Items per second of one `losslens train`, start-up left out, as it reports them. */
async function trainingRate(
  data: string | undefined,
  trainDir: string,
  steps: number,
): Promise<number> {
  const dataset =
    data === undefined
      ? ['--dataset_name=digits']
      : ['--dataset_name=mnist', `--dataset_dir=${join(data, 'mnist')}`];
  const args = [
    join(packageRoot, 'dist/bin/losslens.cjs'),
    'train',
    '--engine=tensorflow',
    // As the step in Python.
    '--precision=float32',
    `--train_dir=${trainDir}`,
    ...dataset,
    '--model_name=lenet',
    '--batch_size=50',
    `--max_number_of_steps=${steps}`,
    '--optimizer=sgd',
    '--learning_rate=0.01',
    '--learning_rate_decay_type=fixed',
    '--weight_decay=0',
    '--log_every_n_steps=100',
    '--seed=1',
    '--hs=Logits',
    '--ns=64',
    '--hm=pool1,pool2',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  for await (const text of child.stderr) stderr += text;
  const rate = /done after .*?(\d+) items\/s/.exec(stderr)?.[1];
  if (rate === undefined) throw new Error(`losslens train: ${stderr}`);
  return Number(rate);
}

async function benchEndToEnd(data: string | undefined): Promise<void> {
  const python = process.env['LOSSLENS_PYTHON'] ?? 'python3';
  const script = join(packageRoot, 'bench/python/peers_tensorflow.py');
  const peer = await Contestant.start([python, script, 'lenet', '50', 'float32']);
  if (typeof peer === 'string') {
    console.log(`end to end: left out, ${peer}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const times = await peer.train(600);
      theirs.push((1000 * 50 * times.length) / times.reduce((sum, ms) => sum + ms, 0));
      // An epoch and a bit of MNIST: a Selection View, and Monitoring Views of its items.
      ours.push(await trainingRate(data, join(folder, String(round)), 1500));
    }
  } finally {
    await peer.end();
    rmSync(folder, { recursive: true, force: true });
  }
  const ratio = median(ours) / median(theirs);
  const name = `end to end, lenet, batch 50, ${data === undefined ? 'digits' : 'MNIST'}`;
  console.log(`${name}: losslens train ÷ bare tf.function step = ${ratio.toFixed(3)}`);
  console.log(`  losslens train: ${ours.map(Math.round).join(', ')} items/s`);
  console.log(`  Python TensorFlow: ${theirs.map(Math.round).join(', ')} items/s`);
  report[name] = { losslensItemsPerSecond: ours, pythonItemsPerSecond: theirs, ratio };
}

const wasm = await createWasmEngine();
try {
  const tensorflow = await loadTensorFlowEngine();
  report['engine'] = tensorflow.name;
  console.log(`${report['machine']}; ${tensorflow.name}; ${wasm.name}`);
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    'end-to-end': () => benchEndToEnd(flags.data),
    precision: () => benchPrecision(tensorflow),
    engines: () => benchEngines(tensorflow, wasm),
  };
  for (const [name, run] of Object.entries(parts)) {
    if (flags.only === undefined || flags.only === name) await run();
  }
} catch (error) {
  if (!(error instanceof NoEngineError)) throw error;
  console.log(`left out: ${error.message}`);
}
console.log(JSON.stringify(report));
process.exit(0);
