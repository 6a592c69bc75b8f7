/** What a worker that is not the chief does: its part of each step, which the chief records. */
import { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type Assignment, Membership } from '../cluster/membership.ts';
import { updatingOf } from '../cluster/updating.ts';
import { chief } from '../engines/distributed/hosts.ts';
import type { Session } from '../engines/engine.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { tell } from '../terminal.ts';
import { fingerprintOf } from './fingerprint.ts';
import { leaveEndToChief } from './leaveEndToChief.ts';
import { doPart } from './partStep.ts';
import { type NetworkPlan, planNetwork } from './planRun.ts';
import type { RunOptions } from './runOptions.ts';
import { WorkerParts } from './workerParts.ts';

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
    const { place } = cluster;
    const { data, options: flags } = plan;
    const share = { worker: place.task.index, workers: place.hosts.worker.length };
    const pipeline = new BatchPipeline(data.dataset, {
      ...plan.pipeline,
      isTraining: true,
      batchSize: flags.batch_size,
      numThreads: flags.num_preprocessing_threads,
      numReaders: flags.num_readers,
      share,
    });
    cleanup.add(() => pipeline.close());
    const fingerprint = fingerprintOf(plan, cluster.engine.version);
    const membership = await Membership.ask(cluster, { fingerprint, report: tell });
    tell(`${cluster.describe(cluster.place.task)}: joined ${cluster.describe(chief)}`);
    const parts = new WorkerParts(pipeline, share, plan.stepsPerEpoch);
    const beginEpoch = async (assignment: Assignment, isFirst: boolean) => {
      if (updatingOf(flags) !== 'reduced') return;
      // All are there now. When one is gone, the chief decides so.
      if (isFirst) cluster.watchLeaders(tell, cluster.others);
      await membership.during(assignment, session.run('receive', {}));
    };
    const done = await takePart(plan, session, parts, membership, beginEpoch);
    await membership.leave();
    cluster.engine.endWatch();
    await session.close();
    tell(`done: took part in ${done} steps`);
    return 0;
  });
}

/**
 * Does parts until the training is over.
 *
 * @param beginEpoch  what is to be done before the first part of each epoch
 * @returns           how many there were
 */
async function takePart(
  plan: NetworkPlan,
  session: Session,
  parts: WorkerParts,
  membership: Membership,
  beginEpoch: (assignment: Assignment, isFirst: boolean) => Promise<void>,
): Promise<number> {
  const isMonitoring = plan.training.monitoredLayers.length > 0;
  let epoch: number | undefined;
  for (let done = 0; ; done++) {
    const assignment = await membership.nextPart();
    if (assignment === null) return done;
    const ofPart = Math.floor((assignment.step - 1) / plan.stepsPerEpoch);
    if (ofPart !== epoch) await beginEpoch(assignment, epoch === undefined);
    epoch = ofPart;
    const monitored = new MonitoredItems(Number.POSITIVE_INFINITY);
    monitored.add(assignment.monitored);
    const part = await parts.use(assignment, (batch) => {
      const rows = isMonitoring ? monitored.rowsOf(batch.itemIndices) : undefined;
      return membership.during(assignment, doPart(plan, session, batch, assignment, rows));
    });
    await membership.send(assignment, part);
  }
}
