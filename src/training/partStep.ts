/** One part of a step of all workers, done by whoever does it. */
import type { PartPlace } from '../cluster/letters.ts';
import { updatingOf } from '../cluster/updating.ts';
import type { Session } from '../engines/engine.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import { decodeStep } from '../model/stepOutcome.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { learningRateAfter, type NetworkPlan } from './planRun.ts';
import { replicaFeeds, trainFeeds } from './stepFeeds.ts';

/**
 * Does a part: it updates the variables, or gives its gradients to the chief's update.
 *
 * @param batch  its items
 * @param rows   of them to monitor; undefined without monitored layers
 */
export async function doPart(
  { options, training, ...plan }: NetworkPlan,
  session: Session,
  batch: Batch,
  { step, round }: PartPlace,
  rows: Int32Array | undefined,
): Promise<StepPart> {
  const { itemIndices, labels, joint, feeds } = batch;
  const before = step - 1;
  const outputs =
    updatingOf(options) === 'gathered'
      ? await session.run('train_replica', {
          ...feeds,
          ...replicaFeeds(batch, joint!, before, round, rows, options),
        })
      : await session.run('train', {
          ...feeds,
          ...trainFeeds(
            batch,
            learningRateAfter(before, { options, ...plan }),
            before,
            rows,
            options,
          ),
        });
  return { itemIndices, labels, rows, outcome: decodeStep(outputs, training, rows?.keys() ?? []) };
}
