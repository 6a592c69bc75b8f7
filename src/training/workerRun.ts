/** What a worker that is not the chief does: its part of each step, which the chief records. */

import { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { chief } from '../cluster/cluster.ts';
import { Membership } from '../cluster/membership.ts';
import { interruptSignal } from '../console/interrupt.ts';
import type { Session } from '../engines/engine.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import { tokens } from '../model/replicas.ts';
import { decodeStep } from '../model/stepOutcome.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { tell } from '../terminal.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type NetworkPlan, planNetwork } from './planRun.ts';
import type { RunOptions } from './runOptions.ts';
import { replicaFeeds } from './stepFeeds.ts';

/** Tells who interrupts a process that another one decides on. */
export function leaveEndToChief(cluster: Cluster, cleanup: Cleanup): void {
  const { release } = interruptSignal((name) =>
    tell(
      `${name}: ${cluster.describe(chief)} ends the training: interrupt that; once more ends this process alone, and with it the training`,
    ),
  );
  cleanup.add(release);
}

/**
 * Takes part in a training until the chief says that it is over.
 *
 * @param joining     the cluster, which is joined while the data load
 * @returns           the exit code: 0
 * @throws UserError  for what the user can mend, or when another process is gone
 */
export async function runWorker(options: RunOptions, joining: Promise<Cluster>): Promise<number> {
  return await Cleanup.after(async (cleanup) => {
    cleanup.add(async () => (await joining).close());
    const selecting = joining.then(({ engine }) => ({ engine, reason: 'a cluster' }));
    const plan = await planNetwork(options, undefined, selecting);
    const cluster = await joining;
    leaveEndToChief(cluster, cleanup);
    const { train_replica } = plan.training.signatures;
    const session = await cluster.engine.load(plan.training.graph, {
      train_replica: train_replica!,
    });
    const pipeline = openPipeline(plan, cluster);
    cleanup.add(() => pipeline.close());
    const fingerprint = fingerprintOf(plan, cluster.engine.version);
    const membership = await Membership.ask(cluster, fingerprint);
    tell(`${cluster.describe(cluster.place.task)}: joined ${cluster.describe(chief)}`);
    const steps = await takePart(plan, session, pipeline, membership);
    cluster.engine.endWatch();
    await membership.leave();
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
  const { training, stepsPerEpoch, options } = plan;
  const isMonitoring = training.monitoredLayers.length > 0;
  let done = 0;
  for (;;) {
    const begun = await membership.nextEpoch();
    if (begun === undefined) return done;
    const monitored = new MonitoredItems(Number.POSITIVE_INFINITY);
    monitored.add(begun.monitored);
    let { step } = begun;
    const epoch = Math.floor(step / stepsPerEpoch);
    for await (const batch of pipeline.epoch(epoch, step % stepsPerEpoch)) {
      const { itemIndices, labels } = batch;
      const rows = isMonitoring ? monitored.rowsOf(itemIndices) : undefined;
      const feeds = { ...batch.feeds, ...replicaFeeds(batch, step, rows, options) };
      const outputs = await session.run('train_replica', feeds);
      if (outputs['token']!.data[0] === tokens.over) return done;
      const outcome = decodeStep(outputs, training, rows?.keys() ?? []);
      step++;
      done++;
      await membership.send(step, { itemIndices, labels, rows, outcome });
    }
  }
}
