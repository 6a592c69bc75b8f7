/** Opens what a run works with; whoever opens it closes it, whatever happens. */
import { join } from 'node:path';
import { digestOf } from '../../datasets/dataDigest.ts';
import { removeLeftovers } from '../checkpoint/checkpoints.ts';
import { CheckpointWriter } from '../checkpoint/checkpointWriter.ts';
import { firstNonFinite } from '../checkpoint/nonFinite.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Team } from '../cluster/team.ts';
import { updatingOf } from '../cluster/updating.ts';
import { unlessAborted } from '../console/interrupt.ts';
import { createProgress, type Progress } from '../console/progress.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Evaluation } from '../evaluation/evaluator.ts';
import { PeriodicEvaluation } from '../evaluation/periodicEvaluation.ts';
import { EventWriter } from '../events/eventWriter.ts';
import type { FolderLock } from '../files/folderLock.ts';
import { expectFreeSpace } from '../files/freeSpace.ts';
import { sizeOf } from '../graph/shape.ts';
import { FeatureStore, featuresFile } from '../model/featureStore.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { InSituRecorder } from '../recording/inSituRecorder.ts';
import { LostWrites } from '../recording/lostWrites.ts';
import { lostEvents, RunLog } from '../recording/runLog.ts';
import { ItemsWriter } from '../runFiles/itemsWriter.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { saveRun } from './checkpointing.ts';
import { divergenceError, foundVariable, listItems } from './divergence.ts';
import { fingerprintOf } from './fingerprint.ts';
import { learningRateAfter, type RunPlan } from './planRun.ts';
import { TrainingClock } from './schedule.ts';
import { SkippedSteps } from './skippedSteps.ts';
import { stepNumber } from './stepFeeds.ts';

/** Of all variables, by name. */
type Values = Readonly<Record<string, HostTensor>>;

/** A run under way. */
export interface Run {
  readonly plan: RunPlan;
  /** With the first values of all variables. */
  readonly session: Session;
  readonly pipeline: BatchPipeline;
  /** What the frozen part of the network gives of each item; null where it is computed in every step. */
  readonly features: FeatureStore | null;
  readonly log: RunLog;
  /** null when no layer guides a selection. */
  readonly inSitu: InSituRecorder | null;
  /** Items with a planted wrong label; undefined without --label_noise. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
  readonly evaluation: PeriodicEvaluation | null;
  /** The workers that this one leads; null in a training by one process. */
  readonly team: Team | null;
  readonly progress: Progress;
  readonly clock: TrainingClock;
  readonly lost: LostWrites;
  readonly skipped: SkippedSteps;
  /**
   * Aborted to end the run after the current step: by Ctrl-C, the reason is the signal's name; or when no
   * further checkpoint is tried, which the next save throws.
   */
  readonly signal: AbortSignal;
  /** Evaluates after so many steps; undefined without --eval_interval_epochs, or when the signal ended it. */
  evaluate(step: number): Promise<Evaluation | undefined>;
  /**
   * Begins to write a checkpoint after so many steps, where it is not there: resolves when the training may go on.
   *
   * @throws UserError  when several before could not be written, or a variable is not finite
   */
  save(step: number): Promise<void>;
  /**
   * Whether a step since the last checkpoint was not skipped: else the next one would hold the same weights, and push
   * others out of those that are kept.
   */
  hasTrained(step: number): boolean;
  /**
   * As `save`, with the variables that this process keeps itself, when its session is of no use any more since another
   * process is gone; undefined where others keep them.
   *
   * @throws UserError  when a step behind it has changed them
   */
  readonly saveOwn: ((step: number) => Promise<void>) | undefined;
  /** Begins to write items.csv, if a checkpoint was saved since the last time. */
  writeItems(): Promise<void>;
  /** Resolves when all that was begun is written. @throws UserError  when the checkpoint could not be */
  saved(): Promise<void>;
}

/**
 * Opens session, threads, and the log.
 *
 * @param lock     of the run's folder: without it nothing is saved there
 * @param cleanup  gets what closes them
 * @param signal   asks the run to end after the step that it is at, with the name of a signal as its reason
 * @param cluster  that this process is the chief of
 * @throws UserError  when the folder of the run cannot be written to, or its disk has no room for a checkpoint
 */
export async function openRun(
  plan: RunPlan,
  lock: Pick<FolderLock, 'assertHeld'>,
  cleanup: Cleanup,
  signal: AbortSignal = new AbortController().signal,
  cluster?: Cluster,
): Promise<Run> {
  const { options, data, training, start } = plan;
  const { dataset } = data;
  if (start.step < plan.lastStep) await expectRoomForCheckpoint(plan);
  const clock = new TrainingClock();
  const progress = createProgress(
    process.stderr,
    start.step,
    plan.lastStep,
    plan.itemsPerStep,
    options.log_every_n_steps,
    clock.now,
  );
  cleanup.add(() => progress.close());
  const lost = new LostWrites((line) => progress.message(line), lock.assertHeld);
  const loading = plan.engine.load(training.graph, training.signatures);
  // Whatever fails before it is said instead.
  loading.catch(() => {});
  cleanup.add(async () => (await loading).close());
  const pipeline = new BatchPipeline(dataset, {
    ...plan.pipeline,
    isTraining: true,
    batchSize: plan.itemsPerStep / (cluster?.place.hosts.worker.length ?? 1),
    numThreads: options.num_preprocessing_threads,
    numReaders: options.num_readers,
    share: cluster && { worker: 0, workers: cluster.place.hosts.worker.length },
  });
  cleanup.add(() => pipeline.close());
  const features =
    plan.keptFeatures &&
    FeatureStore.open(plan.keptFeatures, join(options.train_dir, featuresFile));
  cleanup.add(() => features?.close());
  const firstLogged = start.step === 0 ? 0 : start.step + 1;
  const writer = await EventWriter.create(options.train_dir, firstLogged, lostEvents(lost));
  cleanup.add(() => writer.close());
  const log = new RunLog(writer);
  const plantedErrors =
    data.plantedErrors && new Set(data.plantedErrors.map(({ itemIndex }) => itemIndex));
  const inSitu = openRecorder(plan, log, lost, plantedErrors, cleanup);
  const values = start.values();
  const session = await loading;
  await session.run('assign', values);
  const team =
    cluster === undefined ? null : await gatherTeam(plan, pipeline, progress, signal, cluster);
  const evaluation =
    plan.evaluationSplit &&
    (await PeriodicEvaluation.open(
      options,
      session,
      plan.pipeline,
      plan.evaluationSplit,
      firstLogged,
      plan.keptEvaluationFeatures,
      lost,
      cleanup,
    ));
  const facts = {
    batchSize: plan.itemsPerStep,
    seed: options.seed,
    sourceSize: dataset.size,
    dataDigest: digestOf(dataset),
  };
  const checkpoints = new CheckpointWriter(options.train_dir, options.max_checkpoints, (line) =>
    progress.message(line),
  );
  cleanup.add(() => checkpoints.close());
  const { skippedSteps = 0, skippedInARow = 0 } = start.state ?? {};
  const skipped = new SkippedSteps(skippedSteps, skippedInARow);
  let savedStep = start.step;
  let itemsStep = start.step;
  const saveValues = async (step: number, read: () => Promise<Values>) => {
    // Two copies of all that is saved would take twice the memory: the one before is to be gone.
    if (step === savedStep && !(await checkpoints.lacksLast())) return;
    await checkpoints.ready();
    const variables = await read();
    await expectFinite(plan, step, variables);
    await lock.assertHeld();
    // A resumed run logs what comes after its checkpoint: all that comes before has to be there.
    await inSitu?.flush();
    await log.sync();
    await saveRun(checkpoints, step, variables, {
      ...facts,
      skippedSteps: skipped.total,
      skippedInARow: skipped.inARow,
      inSitu: inSitu?.state ?? null,
    });
    savedStep = step;
  };
  const keepsAll = cluster !== undefined && updatingOf(options) === 'reduced';
  return {
    plan,
    session,
    pipeline,
    features,
    log,
    inSitu,
    plantedErrors,
    evaluation,
    team,
    progress,
    clock,
    lost,
    skipped,
    signal: AbortSignal.any([signal, checkpoints.failed]),
    evaluate: async (step) => clock.without(async () => evaluation?.run(step, signal)),
    save: (step) => saveValues(step, () => session.run('read', {})),
    hasTrained: (step) => skipped.inARow < step - savedStep,
    saveOwn: keepsAll ? (step) => saveValues(step, () => readOwn(plan, cluster, step)) : undefined,
    writeItems: async () => {
      if (itemsStep === savedStep) return;
      await lock.assertHeld();
      inSitu?.writeItems();
      itemsStep = savedStep;
    },
    saved: async () => {
      await checkpoints.finish();
      await inSitu?.itemsWritten();
    },
  };
}

/**
 * Reads the variables that this process keeps itself, without the session that may wait for others for ever.
 *
 * @throws UserError  when they are not those after so many steps
 */
async function readOwn({ training }: RunPlan, cluster: Cluster, step: number): Promise<Values> {
  const { graph, signatures } = training;
  const { read, begun } = signatures;
  const { engine, place } = cluster;
  const session = await engine.loadOn(place.task, graph, { read: read!, begun: begun! });
  const variables = await session.run('read', {});
  // Afterwards: what has not begun by then has changed none of them.
  const last = (await session.run('begun', {}))['step']!.data[0]!;
  await session.close();
  if (last === stepNumber(step)) return variables;
  throw new UserError(
    'the step behind it has changed the variables, and not all of it is recorded',
  );
}

/** Waits for the workers that this process leads. */
async function gatherTeam(
  plan: RunPlan,
  pipeline: BatchPipeline,
  progress: Progress,
  signal: AbortSignal,
  cluster: Cluster,
): Promise<Team> {
  // Most runs are without: what it is made of takes a while to load.
  const { Team } = await import('../cluster/team.ts');
  const gathering = Team.gather(cluster, {
    fingerprint: fingerprintOf(plan, cluster.engine.version),
    updating: updatingOf(plan.options),
    report: (line) => progress.message(line),
    itemsLeft: (share, step) => {
      const epoch = Math.floor(step / plan.stepsPerEpoch);
      const ofWorker = { worker: share, workers: cluster.place.hosts.worker.length };
      const left = pipeline.itemsOf(epoch, step % plan.stepsPerEpoch, ofWorker);
      return listItems(left, plan);
    },
  });
  return unlessAborted(signal, gathering);
}

/** @throws UserError  when the run's disk has no room for the variables: hours would be trained for nothing */
async function expectRoomForCheckpoint({ options, training }: RunPlan): Promise<void> {
  const { train_dir } = options;
  await removeLeftovers(train_dir).catch(() => {});
  const bytes = training.variables.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  const remedy =
    'A checkpoint takes so much: free some, name a folder of another disk, or train a smaller network (--model_name, --train_image_size).';
  await expectFreeSpace('--train_dir', train_dir, bytes, remedy);
}

/** @throws DivergenceError  when a variable is not finite: no checkpoint is to hold it */
async function expectFinite(plan: RunPlan, step: number, values: Values): Promise<void> {
  const variable = firstNonFinite(plan.training.variables, values);
  if (variable === undefined) return;
  throw await divergenceError(plan, {
    step,
    found: foundVariable(variable),
    learningRate: learningRateAfter(step - 1, plan),
  });
}

function openRecorder(
  { options, data, training, start }: RunPlan,
  log: RunLog,
  lost: LostWrites,
  plantedErrors: ReadonlySet<number> | undefined,
  cleanup: Cleanup,
): InSituRecorder | null {
  const { selectionLayer, monitoredLayers } = training;
  if (selectionLayer === null) return null;
  const renderer = new ViewRenderer({
    colormap: options.colormap,
    scale: options.view_scale,
    overlay: options.monitor_overlay,
  });
  cleanup.add(() => renderer.close());
  const itemsWriter = new ItemsWriter(options.train_dir, data.dataset, (write) =>
    lost.attempt('versions of items.csv', write),
  );
  cleanup.add(() => itemsWriter.close());
  return new InSituRecorder(
    {
      dataset: data.dataset,
      modelName: networkTitle(options.model_name),
      selectionLayer,
      rankBy: options.rank_by,
      capacity: options.ns,
      classQuota: options.class_quota ?? Number.POSITIVE_INFINITY,
      monitoredLayers,
      maxMonitoredItems: options.max_monitored_items ?? 4 * options.ns,
      colorScale: options.color_scale,
      trainDir: options.train_dir,
      log,
      lost,
      renderer,
      itemsWriter,
      plantedErrors,
    },
    start.state?.inSitu ?? undefined,
  );
}
