/**
 * What the in situ part costs: one training step with it, as a ratio of the same step without.
 *
 *     node dist/bench/inSitu.js [--rounds N] [--only TEXT]
 *
 * On TensorFlow in float32, in turn:
 *
 * - paper: scores of every item at the logits, contributions and maps of two layers for three items
 *   of the batch, of LeNet, cifarnet and resnet_v1_50
 * - all convolutions: contributions and maps of every item at each convolution of resnet_v1_50
 * - the floor: f and b of the same layers read once and nothing else, one sum over each. It is what
 *   any way to compute with them costs at least
 *
 * --only runs the settings whose name has TEXT in it. Each ratio is one of medians, with the 95 %
 * interval that resampling the rounds gives, of the time and of the processor time. The last line is
 * one JSON object.
 */
import { parseArgs } from 'node:util';
import type { Engine, Signatures } from '../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import type { Tensor } from '../src/graph/graph.ts';
import { addN, sum } from '../src/graph/ops/math.ts';
import { nodesBefore } from '../src/graph/walk.ts';
import type { TrainingGraph } from '../src/model/trainingGraph.ts';
import { machine } from './machine.ts';
import { interleave, type Ratio, ratioOf, ratioText, timingText } from './measure.ts';
import { firstBatch, TrainingStep } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string' }, only: { type: 'string', default: '' } },
});

/** One network with what is computed in situ. */
interface Setting {
  readonly name: string;
  readonly modelName: string;
  readonly dataset: string;
  readonly batchSize: number;
  readonly monitoredLayers: readonly string[];
  /** Whether all items of the batch are monitored, not three. */
  readonly isOfEveryItem: boolean;
  /** Rounds that are timed, unless --rounds says otherwise. */
  readonly rounds: number;
}

const resnet = { modelName: 'resnet_v1_50', dataset: 'shapes' } as const;
const blocks = [1, 2].map((block) => `resnet_v1_50/block${block}`);
const settings: readonly Setting[] = [
  {
    name: 'paper, lenet, batch 50',
    modelName: 'lenet',
    dataset: 'digits',
    batchSize: 50,
    monitoredLayers: ['pool1', 'pool2'],
    isOfEveryItem: false,
    rounds: 800,
  },
  {
    name: 'paper, cifarnet, batch 128',
    modelName: 'cifarnet',
    dataset: 'shapes',
    batchSize: 128,
    monitoredLayers: ['pool1', 'pool2'],
    isOfEveryItem: false,
    rounds: 200,
  },
  {
    name: 'paper, resnet_v1_50, batch 16',
    ...resnet,
    batchSize: 16,
    monitoredLayers: blocks,
    isOfEveryItem: false,
    rounds: 20,
  },
  {
    name: 'all convolutions, resnet_v1_50, batch 4',
    ...resnet,
    batchSize: 4,
    monitoredLayers: ['conv*', 'shortcut*'],
    isOfEveryItem: true,
    rounds: 40,
  },
  {
    name: 'all convolutions, resnet_v1_50, batch 16',
    ...resnet,
    batchSize: 16,
    monitoredLayers: ['conv*', 'shortcut*'],
    isOfEveryItem: true,
    rounds: 13,
  },
];

/** Entry points whose step reads f and b of the monitored layers, and does nothing with them. */
function withBareReads({ signatures }: TrainingGraph): Signatures {
  const { inputs, outputs } = signatures['train_all_rows']!;
  const common = ['total_loss', 'cross_entropy', 'output', 'output_probability'];
  const bare = Object.fromEntries(common.map((name) => [name, outputs[name]!]));
  const inSitu = [...nodesBefore(Object.values(outputs))].filter(({ name }) =>
    name.startsWith('in_situ/'),
  );
  const read = new Set<Tensor>();
  for (const node of inSitu) {
    for (const input of node.inputs) {
      const isOutside = !input.node.name.startsWith('in_situ/');
      if (isOutside && input.dtype === 'float32' && input.shape.length === 4) read.add(input);
    }
  }
  const sums = addN(Array.from(read, (tensor) => sum(tensor)));
  return { ...signatures, train_all_rows: { inputs, outputs: { ...bare, sums } } };
}

async function bench(engine: Engine, setting: Setting): Promise<Record<string, unknown>> {
  const { modelName, monitoredLayers, batchSize, isOfEveryItem } = setting;
  const { input, batch } = await firstBatch(setting.dataset, modelName, batchSize);
  const inSitu = {
    modelName,
    input,
    selectionLayer: 'Logits',
    monitoredLayers,
    monitorsAllRows: isOfEveryItem,
  };
  const without = await TrainingStep.create(engine, { modelName, input });
  const withInSitu = await TrainingStep.create(engine, inSitu);
  const alternatives: Record<string, TrainingStep> = { without, with: withInSitu };
  if (isOfEveryItem) {
    alternatives['floor'] = await TrainingStep.create(engine, {
      ...inSitu,
      entryPoints: withBareReads,
    });
  }
  const steps = Object.entries(alternatives);
  const timings = await interleave(
    Object.fromEntries(steps.map(([name, step]) => [name, () => step.run(batch)])),
    Number(flags.rounds ?? setting.rounds),
  );
  // After as many steps on the same data all must stand at the same loss, bit for bit.
  const losses = new Set<number>();
  for (const [, step] of steps) {
    losses.add((await step.run(batch))['total_loss']!.data[0]!);
    await step.session.close();
  }
  if (losses.size > 1) throw new Error(`${setting.name}: losses ${[...losses].join(' and ')}`);
  const base = timings['without']!;
  const ratios: Record<string, { readonly time: Ratio; readonly processorTime: Ratio }> = {};
  for (const [name] of steps.slice(1)) {
    const { timesMs, processorTimesMs } = timings[name]!;
    const time = ratioOf(timesMs(), base.timesMs());
    const processorTime = ratioOf(processorTimesMs(), base.processorTimesMs());
    ratios[name] = { time, processorTime };
    console.log(`${setting.name}: ${name} ÷ without = ${ratioText(time)}`);
    console.log(`  processor time of all threads: ${ratioText(processorTime)}`);
  }
  for (const [name] of steps) console.log(`  ${name}: ${timingText(timings[name]!)}`);
  return { ratios, timings };
}

const engine = await loadTensorFlowEngine();
const report: Record<string, unknown> = { machine, engine: engine.name };
console.log(`${machine}; ${engine.name}`);
for (const setting of settings) {
  if (setting.name.includes(flags.only)) report[setting.name] = await bench(engine, setting);
}
console.log(JSON.stringify(report));
process.exit(0);
