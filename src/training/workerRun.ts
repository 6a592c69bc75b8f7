/** What a worker that is not the chief does: its part of each step, which the chief records. */
import { Cleanup } from '../cleanup.ts';
import { type Cluster, chief } from '../cluster/cluster.ts';
import { Membership } from '../cluster/membership.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import { tokens } from '../model/replicas.ts';
import { decodeStep } from '../model/stepOutcome.ts';
import { type Batch, BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { tell } from '../terminal.ts';
import { fingerprintOf } from './fingerprint.ts';
import { leaveEndToChief } from './leaveEndToChief.ts';
import { learningRateAfter, type NetworkPlan, planNetwork } from './planRun.ts';
import type { RunOptions } from './runOptions.ts';
import { replicaFeeds, trainFeeds } from './stepFeeds.ts';

/**
 * Takes part in a training until the chief says that it is over.
 *
 * @param joining     the cluster, which is joined while the data load
 * @returns           the exit code: 0
 * @throws UserError  for what the user can mend, or when another process is gone
 */
export async function runWorker(options: RunOptions, joining: Promise<Cluster>): Promise<number> {
  return await Cleanup.after(async (cleanup) => {
    const selecting = joining.then(({ engine }) => ({ engine, reason: 'a cluster' }));
    const plan = await planNetwork(options, undefined, selecting);
    const cluster = await joining;
    leaveEndToChief(cluster, cleanup);
    const { graph, signatures } = plan.training;
    const session = await cluster.engine.load(graph, signatures);
    const pipeline = openPipeline(plan, cluster);
    cleanup.add(() => pipeline.close());
    const fingerprint = fingerprintOf(plan, cluster.engine.version);
    const membership = await Membership.ask(cluster, fingerprint);
    tell(`${cluster.describe(cluster.place.task)}: joined ${cluster.describe(chief)}`);
    const steps = await takePart(plan, session, pipeline, membership);
    await membership.leave();
    cluster.engine.endWatch();
    await session.close();
    tell(`done: took part in ${steps} steps`);
    return 0;
  });
}

function openPipeline({ data, pipeline, options }: NetworkPlan, { place }: Cluster): BatchPipeline {
  return new BatchPipeline(data.dataset, {
    ...pipeline,
    isTraining: true,
    batchSize: options.batch_size,
    numThreads: options.num_preprocessing_threads,
    numReaders: options.num_readers,
    share: { worker: place.task.index, workers: place.hosts.worker.length },
  });
}

/** Does its part of all steps. @returns  how many there were */
async function takePart(
  plan: NetworkPlan,
  session: Session,
  pipeline: BatchPipeline,
  membership: Membership,
): Promise<number> {
  const { training, stepsPerEpoch, lastStep } = plan;
  const isMonitoring = training.monitoredLayers.length > 0;
  let done = 0;
  for (;;) {
    const begun = await membership.nextEpoch();
    if (begun === null) return done;
    const monitored = new MonitoredItems(Number.POSITIVE_INFINITY);
    monitored.add(begun.monitored);
    let { step } = begun;
    const epoch = Math.floor(step / stepsPerEpoch);
    for await (const batch of pipeline.epoch(epoch, step % stepsPerEpoch)) {
      // The chief says no more of it: what was done now would be an update that no step of the log has.
      if (step >= lastStep) break;
      const { itemIndices, labels } = batch;
      const rows = isMonitoring ? monitored.rowsOf(itemIndices) : undefined;
      const outputs = await doStep(plan, session, batch, step, rows);
      if (membership.isOver || outputs['token']?.data[0] === tokens.over) return done;
      const outcome = decodeStep(outputs, training, rows?.keys() ?? []);
      step++;
      done++;
      await membership.send(step, { itemIndices, labels, rows, outcome });
    }
  }
}

/** A step whose update is the chief's, or with --nosync_replicas this worker's own. */
function doStep(
  plan: NetworkPlan,
  session: Session,
  batch: Batch,
  step: number,
  rows: Int32Array | undefined,
): Promise<Record<string, HostTensor>> {
  const { options } = plan;
  if (options.sync_replicas) {
    const feeds = { ...batch.feeds, ...replicaFeeds(batch, step, rows, options) };
    return session.run('train_replica', feeds);
  }
  const rate = learningRateAfter(step, plan);
  return session.run('train', { ...batch.feeds, ...trainFeeds(batch, rate, step, rows, options) });
}
