/** Training steps on either engine, from the same first weights. */
import type { Engine, HostTensor, Session } from '../../src/engines/engine.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { type OptimizerOptions, optimizerDefaults } from '../../src/model/optimizerOptions.ts';
import {
  buildTrainingGraph,
  type TrainingGraph,
  type TrainingGraphOptions,
} from '../../src/model/trainingGraph.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { random } from '../../src/random.ts';
import { getNetwork } from '../nets/getNetwork.ts';

/** Plain steps; an epsilon that no rounding is divided by. */
export const plainSgd: OptimizerOptions = {
  ...optimizerDefaults,
  optimizer: 'sgd',
  opt_epsilon: 1,
};

/** A training graph of a network with all that can be in one. */
export function trainingGraph(
  modelName: string,
  imageShape: readonly [number, number, number],
  monitoredLayers: readonly string[],
  optimizer = 'sgd',
  options: Partial<TrainingGraphOptions> = {},
): TrainingGraph {
  return buildTrainingGraph({
    network: getNetwork(modelName),
    numClasses: 10,
    input: preprocessedImages(imageShape),
    weightDecay: 0.004,
    labelSmoothing: 0,
    computeType: 'float32',
    optimizer: { ...plainSgd, optimizer },
    selectionLayer: undefined,
    monitoredLayers,
    ...options,
  });
}

/** A session of the graph with values assigned, by default its initial ones. */
export async function startSession(
  engine: Engine,
  graph: TrainingGraph,
  values = initialValues(graph.variables, 1),
): Promise<Session> {
  const session = await engine.load(graph.graph, graph.signatures);
  await session.run('assign', values);
  return session;
}

/** Feeds of one step: images that show their class, so that there is something to learn. */
export function someFeeds(
  imageShape: readonly [number, number, number],
  batchSize: number,
  step: number,
  monitorRows: readonly number[] | undefined,
  learningRate = 0.01,
): Record<string, HostTensor> {
  const next = random(7, step);
  const imageSize = imageShape[0] * imageShape[1] * imageShape[2];
  const labels = Int32Array.from({ length: batchSize }, () => Math.floor(next() * 10));
  const data = new Float32Array(batchSize * imageSize);
  labels.forEach((label, row) => {
    for (let i = 0; i < imageSize; i++) {
      const stripe = Math.floor((i * 10) / imageSize) === label ? 1 : 0;
      data[row * imageSize + i] = stripe + next() - 0.5;
    }
  });
  return {
    images: { data, shape: [batchSize, ...imageShape] },
    labels: { data: labels, shape: [batchSize] },
    learning_rate: { data: Float32Array.of(learningRate), shape: [] },
    dropout_seed: { data: Int32Array.of(1, step), shape: [2] },
    ...(monitorRows
      ? { monitor_rows: { data: Int32Array.from(monitorRows), shape: [monitorRows.length] } }
      : {}),
  };
}
