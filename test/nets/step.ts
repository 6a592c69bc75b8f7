/** One training step of a network from variables that test/python/slim_reference.py makes again. */
import crc from 'crc-32';
import type { Engine, HostTensor } from '../../src/engines/engine.ts';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph, type Tensor, type Variable } from '../../src/graph/graph.ts';
import { constant, placeholder } from '../../src/graph/ops/array.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { addLoss, addTotalLoss } from '../../src/model/loss.ts';
import { variableSignatures } from '../../src/model/predictionGraph.ts';
import type { MovedVariable } from '../../src/nets/network.ts';
import { hashed } from '../hashed.ts';
import { getNetwork } from './getNetwork.ts';

/** As the script has them. */
const classes = 10;
const weightDecay = 0.0001;

/** What a network is given. */
export interface StepSettings {
  /** Of the images, in pixels. */
  readonly side: number;
  /** Images. */
  readonly batch: number;
  /**
   * Of batch normalisations: far from 0, so that hardly any ReLU is near its edge, where rounding lets
   * a gradient pass or not.
   */
  readonly offset: number;
}

const stream = (name: string) => crc.str(name) & 0xffff;

/** The first value of a variable, as the script has it. */
function valueFor(name: string, shape: readonly number[], offset: number): Float32Array {
  const values = hashed(sizeOf(shape), stream(name));
  const leaf = name.split('/').at(-1)!;
  const result = new Float32Array(values.length);
  let [scale, shift] = [0.1, 0];
  if (/^(weights|kernel)$/.test(leaf)) scale = Math.sqrt(3 / sizeOf(shape.slice(0, -1)));
  else if (leaf.startsWith('depthwise_')) scale = Math.sqrt(3 / sizeOf(shape.slice(0, 2)));
  else if (leaf === 'gamma') [scale, shift] = [0.15, 0.5];
  else if (leaf === 'beta') shift = offset;
  else if (leaf === 'moving_variance') [scale, shift] = [0.3, 1];
  for (let i = 0; i < result.length; i++) result[i] = shift + scale * values[i]!;
  return result;
}

/** The norm of some values, and their product with numbers of the hash. */
export function summaryOf(
  name: string,
  { data }: Pick<HostTensor, 'data'>,
): { norm: number; product: number } {
  const numbers = hashed(data.length, stream(name) + 1);
  let [squares, product] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    squares += data[i]! * data[i]!;
    product += data[i]! * numbers[i]!;
  }
  return { norm: Math.sqrt(squares), product };
}

/**
 * Runs a network outside of training, from variables without the offset, and does one step, without
 * dropout.
 *
 * @returns  logits and end points outside of training; of the step the loss and, by variable, its
 *           gradient or its new moving statistic
 */
export async function runNetwork(
  name: string,
  engine: Engine,
  { side, batch, offset }: StepSettings,
) {
  const graph = new Graph();
  const images = placeholder(graph, 'float32', [-1, side, side, 3], 'images');
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const context = {
    numClasses: classes,
    weightDecay,
    withoutDropout: true,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
    computeType: 'float32' as const,
  };
  const updates: MovedVariable[] = [];
  const trained = getNetwork(name).build(images, { ...context, isTraining: true, updates });
  const loss = addLoss(trained.logits, labels, 0, trained.auxiliary);
  const { total } = addTotalLoss(graph, [{ ...loss, share: null }]);
  const variables = [...graph.variables.values()];
  const trainable = variables.filter((variable) => variable.trainable);
  const derivatives = gradients(
    total,
    trainable.map(({ value }) => value),
  );
  const outputs: Record<string, Tensor> = { loss: total };
  trainable.forEach((variable, i) => {
    outputs[variable.name] = derivatives[i]!;
  });
  for (const { variable, value } of updates) outputs[variable.name] = value;
  const { logits, endPoints } = graph.withNodePrefix('predict', () =>
    getNetwork(name).build(images, { ...context, isTraining: false, updates: [] }),
  );
  const session = await engine.load(graph, {
    ...variableSignatures(graph, variables),
    step: { inputs: { images, labels }, outputs },
    predict: { inputs: { images }, outputs: { ...Object.fromEntries(endPoints), logits } },
  });
  // The offset is that of some small variables: the others are made once.
  const made = (beta: number, ofThese: readonly Variable[]) =>
    Object.fromEntries(
      ofThese.map(({ name, shape }) => [name, { data: valueFor(name, shape, beta), shape }]),
    );
  const values = made(0, variables);
  const shape = [batch, side, side, 3];
  const fed = { data: Float32Array.from(hashed(sizeOf(shape), 7)), shape };
  const ofItems = Int32Array.from({ length: batch }, (_, i) => i % classes);
  await session.run('assign', values);
  const predicted = await session.run('predict', { images: fed });
  const betas = variables.filter(({ name }) => name.endsWith('/beta'));
  await session.run('assign', { ...values, ...made(offset, betas) });
  const stepped = await session.run('step', {
    images: fed,
    labels: { data: ofItems, shape: [batch] },
  });
  await session.close();
  return { variables, predicted, stepped };
}
