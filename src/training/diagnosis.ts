/** Where in the network a batch's numbers stop being finite. */
import type { HostTensor } from '../engines/engine.ts';
import { buildDiagnosisGraph } from '../model/diagnosisGraph.ts';
import type { TrainingGraphOptions } from '../model/trainingGraph.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { prepareItems } from '../preprocessing/prepareItems.ts';
import type { RunPlan } from './planRun.ts';

/** What one more pass with a batch has found. */
export interface Diagnosis {
  /** Of the batch, in nats. */
  readonly loss: number;
  /** The first end point in network order that is not finite; undefined where all are. */
  readonly layer: string | undefined;
  /**
   * The variable next to the loss whose derivative is not finite, the first one on the way back; undefined where all
   * are.
   */
  readonly derivative: string | undefined;
}

type Values = Readonly<Record<string, HostTensor>>;

/** Whether all that a step computes is finite. */
export function isAllFinite({ loss, layer, derivative }: Diagnosis): boolean {
  return Number.isFinite(loss) && layer === undefined && derivative === undefined;
}

/** Items as a step is fed them; those whose features were fed in their place are prepared now. */
async function feedsOf({ data, pipeline }: RunPlan, batch: Batch): Promise<Values> {
  if (batch.preparedRows === undefined) return batch.feeds;
  return (await prepareItems(data.dataset, [...batch.itemIndices], pipeline.input)).feeds;
}

/**
 * Does the step of a batch again, but for the update, in a session of its own.
 *
 * @param seed         dropout_seed of the step
 * @param values       of the network's variables before it
 * @param computeType  to do it in
 */
export async function diagnose(
  plan: RunPlan,
  batch: Batch,
  seed: HostTensor,
  values: Values,
  computeType: TrainingGraphOptions['computeType'],
): Promise<Diagnosis> {
  const graph = buildDiagnosisGraph({ ...plan.training.options, computeType });
  const session = await plan.engine.load(graph.graph, graph.signatures);
  try {
    await session.run(
      'assign',
      Object.fromEntries(graph.variables.map(({ name }) => [name, values[name]!])),
    );
    const outputs = await session.run('diagnose', {
      ...(await feedsOf(plan, batch)),
      labels: { data: batch.labels, shape: [batch.labels.length] },
      dropout_seed: seed,
    });
    const isBad = ([, output]: readonly [string, string]) => outputs[output]!.data[0] !== 1;
    return {
      loss: outputs['loss']!.data[0]!,
      layer: [...graph.layers].find(isBad)?.[0],
      derivative: [...graph.derivatives].findLast(isBad)?.[0],
    };
  } finally {
    await session.close();
  }
}
