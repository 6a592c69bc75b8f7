/**
 * What the scores of every item cost, as a share of the training step.
 *
 *     node dist/bench/scores.js [--rounds N]
 *
 * For LeNet (batch 50) and cifarnet (batch 128), on TensorFlow in float32:
 *
 * - step: a training step with scores, all that is kept of them and the queue, against one without,
 *   in turn. Both must train bit-equal weights.
 * - alone: what the scores add where nothing else is in the way: the time of their nodes on fed
 *   logits and features less that of a graph that returns the logits, plus the time that keeping
 *   them takes, the shortest of many times each. Its share of the step is the finer measure: steps
 *   vary by more than scores cost.
 *
 * The last line is one JSON object.
 */
import { parseArgs } from 'node:util';
import type { Engine, HostTensor } from '../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { Graph } from '../src/graph/graph.ts';
import { constant, identity, placeholder } from '../src/graph/ops/array.ts';
import { argMax, matMul } from '../src/graph/ops/math.ts';
import { softmax } from '../src/graph/ops/nn.ts';
import { itemScores } from '../src/insitu/itemScores.ts';
import { KnownItems } from '../src/insitu/knownItems.ts';
import { QuotaQueue } from '../src/insitu/quotaQueue.ts';
import { defaultScore, scores, suspicion } from '../src/insitu/scores.ts';
import { random } from '../src/random.ts';
import { machine } from './machine.ts';
import { interleave, timingText } from './measure.ts';
import { firstBatch, TrainingStep } from './trainingStep.ts';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '100' } } });
const rounds = Number(flags.rounds);
const classes = 10;
/** Items of the data set: the arrays that are kept must not fit into the processor's caches. */
const items = 50_000;

/** Everything that a training run keeps of a step's scores, as InSituRecorder does. */
class Keeper {
  readonly #known = new KnownItems(labelsOf(items), classes);
  readonly #queue = new QuotaQueue<{ itemIndex: number; label: number; score: number }>(
    64,
    Number.POSITIVE_INFINITY,
  );
  #first = 0;

  keep(outputs: Record<string, HostTensor>, labels: Int32Array): void {
    const itemIndices = Array.from(labels, (_, row) => (this.#first + row * 389) % items);
    this.#first++;
    const output = outputs['output']!.data;
    const scoresOfStep = outputs['scores']!.data;
    const probabilities = outputs['probabilities']!.data;
    this.#known.add({ itemIndices, labels, output, scores: scoresOfStep, probabilities });
    const score = scores.get(defaultScore)!;
    itemIndices.forEach((itemIndex, row) => {
      const label = labels[row]!;
      this.#queue.offer({ itemIndex, label, score: suspicion(score, this.#known, itemIndex) });
    });
  }
}

function noise(count: number): Float32Array {
  const next = random(3);
  return Float32Array.from({ length: count }, () => next() - 0.5);
}

function labelsOf(batchSize: number): Int32Array {
  return Int32Array.from({ length: batchSize }, (_, row) => row % classes);
}

/** The nodes of the scores on fed features, or without them nothing but the logits. */
async function scoresAlone(
  engine: Engine,
  features: number,
  batchSize: number,
  hasScores: boolean,
): Promise<() => Promise<Record<string, HostTensor>>> {
  const graph = new Graph();
  const h = placeholder(graph, 'float32', [-1, features], 'features');
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const weights = constant(graph, 'float32', noise(features * classes), [features, classes]);
  const logits = matMul(h, weights);
  // What every training step returns, with scores or without.
  const probabilities = softmax(logits);
  const common = { output: argMax(logits), logits: identity(logits) };
  const session = await engine.load(graph, {
    score: {
      inputs: { features: h, labels },
      outputs: hasScores
        ? { ...common, probabilities, scores: itemScores(logits, probabilities, labels, null) }
        : common,
    },
  });
  const feeds = {
    features: { data: noise(batchSize * features), shape: [batchSize, features] },
    labels: { data: labelsOf(batchSize), shape: [batchSize] },
  };
  return () => session.run('score', feeds);
}

const engine = await loadTensorFlowEngine();
const report: Record<string, unknown> = { machine, engine: engine.name };
console.log(`${machine}; ${engine.name}`);
for (const { modelName, dataset, batchSize, features } of [
  { modelName: 'lenet', dataset: 'digits', batchSize: 50, features: 1024 },
  { modelName: 'cifarnet', dataset: 'shapes', batchSize: 128, features: 192 },
]) {
  const { input, batch } = await firstBatch(dataset, modelName, batchSize);
  const without = await TrainingStep.create(engine, { modelName, input });
  const withScores = await TrainingStep.create(engine, {
    modelName,
    input,
    selectionLayer: 'Logits',
  });
  const nothing = await scoresAlone(engine, features, batchSize, false);
  const alone = await scoresAlone(engine, features, batchSize, true);
  const keeper = new Keeper();
  const labels = labelsOf(batchSize);
  const last = await alone();
  const timings = await interleave(
    {
      without: () => without.run(batch),
      with: async () => keeper.keep(await withScores.run(batch), labels),
    },
    rounds,
  );
  // Far shorter than a step, and so far more often.
  const parts = await interleave(
    {
      nothing: () => nothing(),
      nodes: () => alone(),
      keeping: () => keeper.keep(last, labels),
    },
    50 * rounds,
    100,
  );
  const weights = await Promise.all(
    [without, withScores].map(({ session }) => session.run('read', {})),
  );
  for (const [name, { data }] of Object.entries(weights[0]!)) {
    const other = weights[1]![name]!.data;
    if (data.some((value, i) => value !== other[i])) throw new Error(`${name}: weights differ`);
  }
  const ratio = timings.with.medianMs / timings.without.medianMs;
  // Whatever else the machine does only adds to a time: the shortest are compared.
  const nodesMs = parts.nodes.minMs - parts.nothing.minMs;
  const addedMs = nodesMs + parts.keeping.minMs;
  const share = addedMs / timings.without.minMs;
  const name = `scores, ${modelName}, batch ${batchSize}`;
  console.log(`${name}: with ÷ without = ${ratio.toFixed(4)}, weights bit-equal`);
  console.log(`  with: ${timingText(timings.with)}`);
  console.log(`  without: ${timingText(timings.without)}`);
  console.log(
    `  alone: ${(1000 * addedMs).toFixed(0)} µs = ${(100 * share).toFixed(2)} % of the step without ` +
      `(nodes ${(1000 * nodesMs).toFixed(0)} µs, ` +
      `keeping ${(1000 * parts.keeping.minMs).toFixed(0)} µs)`,
  );
  report[name] = { ...timings, ...parts, ratio, addedMs, share };
  await without.session.close();
  await withScores.session.close();
}
console.log(JSON.stringify(report));
process.exit(0);
