/** The steps of a run: begun one after the other, and recorded when the engine has done them. */
import { firstNonFinite } from '../checkpoint/nonFinite.ts';
import { updatingOf } from '../cluster/updating.ts';
import type { HostTensor } from '../engines/engine.ts';
import { type SummaryValue, scalarSummary } from '../events/summaries.ts';
import { FrozenFeatures } from '../model/frozenFeatures.ts';
import { jointStep } from '../model/jointOutcome.ts';
import { decodeStep, isFiniteStep } from '../model/stepOutcome.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { diagnose, isAllFinite } from './diagnosis.ts';
import { type DivergenceError, divergenceError, foundInStep, listItems } from './divergence.ts';
import { HeadSteps } from './headSteps.ts';
import { JointSteps } from './jointSteps.ts';
import type { Run } from './openRun.ts';
import { learningRateAfter } from './planRun.ts';
import { StepRate, SummarySchedule } from './schedule.ts';
import { dropoutSeed, trainFeeds } from './stepFeeds.ts';
import { layerSummaries, stepSummaries, variableSummaries } from './stepSummaries.ts';

/** What a session returns of a run. */
type Outputs = Readonly<Record<string, HostTensor>>;

/** A step that the engine has been given. */
export interface BegunStep {
  /** Steps done with this one. */
  readonly step: number;
  readonly batch: Batch;
  /** Rows of it to monitor. */
  readonly rows: Int32Array | undefined;
  /** Where these rows are in what the step returns of rows. */
  readonly returnedAt: Iterable<number>;
  readonly learningRate: number;
  /** What its dropout is drawn from: dropout_seed of the entry points. */
  readonly seed: HostTensor;
  /** What the step returns and, of one with summaries, all variables after it. */
  readonly results: Promise<readonly [step: Outputs, variables: Outputs | undefined]>;
}

/** Begins the steps of a run, and records them. */
export class TrainingSteps {
  readonly #run: Run;
  readonly #summaries: SummarySchedule;
  readonly #rate: StepRate;
  /** null where each step runs the whole network. */
  readonly #head: HeadSteps | null;
  /** null in a training by one process. */
  readonly #joint: JointSteps | null;
  /** The step that was begun last. */
  #last: BegunStep | undefined;
  #recorded: number;
  /** Whether an item is to be prepared for its next step; undefined for all. */
  readonly isNeeded: ((itemIndex: number) => boolean) | undefined;

  constructor(run: Run) {
    const { start, stepsPerEpoch, options } = run.plan;
    this.#run = run;
    this.#recorded = start.step;
    this.#head =
      run.features &&
      new HeadSteps(
        run.session,
        new FrozenFeatures(run.session, 'features', run.features, run.lost.addUnkept),
        (itemIndex) => run.inSitu?.isMonitored(itemIndex) ?? false,
      );
    this.isNeeded = this.#head?.isNeeded;
    const { inSitu } = run;
    this.#joint =
      run.team &&
      new JointSteps(run.team, { ...run, rowsToMonitor: (part) => inSitu?.rowsToMonitor(part) });
    this.#summaries = new SummarySchedule(start.step, stepsPerEpoch, options.save_summaries_secs);
    this.#rate = new StepRate(start.step, run.clock.now);
  }

  /** Steps that all is recorded of. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Has the engine do a step; the batch stays as it is until it is recorded. @param stepsBefore  begun so far */
  begin(batch: Batch, stepsBefore: number): BegunStep {
    const { inSitu, plan } = this.#run;
    const { options } = plan;
    const learningRate = learningRateAfter(stepsBefore, plan);
    const rows = inSitu?.rowsToMonitor(batch);
    // Decided before the step: summaries are of the very batch that it trains on.
    const hasSummaries = this.#summaries.isDue(stepsBefore);
    // To copy most rows of every layer costs more than to compute the others with them.
    const takesAllRows =
      this.#head === null &&
      !hasSummaries &&
      rows !== undefined &&
      2 * rows.length > batch.labels.length;
    const fedRows = takesAllRows ? undefined : rows;
    const entryPoint = takesAllRows ? 'train_all_rows' : 'train';
    const results = this.#doStep(
      hasSummaries ? 'train_with_summaries' : entryPoint,
      ...([batch, stepsBefore, learningRate, rows, fedRows, hasSummaries] as const),
    );
    // A step that fails is heard of when it is recorded, or never: one before it has ended the run.
    results.catch(() => {});
    const returnedAt = takesAllRows ? rows : (rows?.keys() ?? []);
    const step = stepsBefore + 1;
    const seed = dropoutSeed(batch, stepsBefore, options);
    this.#last = { step, batch, rows, returnedAt, learningRate, seed, results };
    return this.#last;
  }

  #doStep(
    entryPoint: string,
    batch: Batch,
    stepsBefore: number,
    learningRate: number,
    rows: Int32Array | undefined,
    fedRows: Int32Array | undefined,
    hasSummaries: boolean,
  ): BegunStep['results'] {
    const { session, plan } = this.#run;
    const { options } = plan;
    if (this.#joint && updatingOf(options) === 'gathered') {
      return this.#joint.run(entryPoint, batch, stepsBefore + 1, fedRows, hasSummaries);
    }
    this.#joint?.announce(stepsBefore + 1);
    const feeds = trainFeeds(batch, learningRate, stepsBefore, fedRows, options);
    return (
      this.#head?.run(batch, rows, feeds, hasSummaries) ??
      Promise.all([
        session.run(entryPoint, Object.assign(feeds, batch.feeds)),
        // Right behind it: the next step changes them.
        hasSummaries ? session.run('read', {}) : undefined,
      ])
    );
  }

  /**
   * Waits for a step and records it, those before it having been recorded. Of one that was not finite, and has
   * changed nothing, no more than that is recorded.
   *
   * @throws DivergenceError  for such a step, or with --on_nan=skip too many of them in a row
   */
  async record(begun: BegunStep): Promise<void> {
    await this.#record(begun);
    this.#recorded = begun.step;
  }

  async #record(begun: BegunStep): Promise<void> {
    const { step, batch, rows, returnedAt, learningRate, results } = begun;
    const { plan, log, inSitu, progress, skipped } = this.#run;
    const [outputs, variables] = await (this.#joint?.finished(step, results) ?? results);
    const { itemIndices, labels } = batch;
    const part = {
      itemIndices,
      labels,
      rows,
      outcome: decodeStep(outputs, plan.training, returnedAt),
    };
    const parts = [part, ...((await this.#joint?.ofOthers(step)) ?? [])];
    const { applied, leftOut } = jointStep(parts, plan.options.sync_replicas);
    const epoch = Math.ceil(step / plan.stepsPerEpoch);
    if (leftOut) await this.#leaveOut(begun, leftOut.itemIndices, leftOut.outcome.loss);
    if (applied === null) {
      progress.update({ step, epoch, loss: leftOut!.outcome.loss });
      return;
    }
    const { outcome } = applied;
    skipped.endRow();
    if (inSitu) await inSitu.observe(applied, applied.rows, outcome, epoch, step);
    progress.update({ step, epoch, loss: outcome.loss });
    if (variables === undefined && step % plan.options.log_every_n_steps !== 0) return;
    const rate = this.#rate.measure(step);
    const ofStep = [
      ...stepSummaries(outcome, applied.labels, learningRate, rate),
      ...(plan.options.on_nan === 'skip' ? [skippedSummary(skipped.total)] : []),
    ];
    const names = plan.training.modelVariables.map(({ name }) => name);
    const ofLayers = variables && [
      ...layerSummaries(outcome.statistics),
      ...variableSummaries(variables, names),
    ];
    await log.write(step, [...ofStep, ...(ofLayers ?? [])]);
  }

  /** Counts a step that was not finite. @throws DivergenceError  where the run is to end with it */
  async #leaveOut(begun: BegunStep, itemIndices: Uint32Array, loss: number): Promise<void> {
    const { plan, log, progress, skipped } = this.#run;
    const { step } = begun;
    if (plan.options.on_nan === 'stop' || !skipped.add()) {
      throw await this.#diverged(begun, itemIndices, loss);
    }
    await log.write(step, [skippedSummary(skipped.total)]);
    if (!skipped.isToTell(step, plan.options.log_every_n_steps)) return;
    const items = listItems(itemIndices, plan);
    progress.message(
      `skipped step ${step}: ${foundInStep(loss)}; ${skipped.total} skipped so far. Items of the batch: ${items}`,
    );
  }

  /** The steps after which the variables are what they are now; one that is not finite leaves them as before. */
  async #stepOfVariables({ step }: BegunStep): Promise<number> {
    const last = this.#last!;
    const isLast = last.step === step;
    return !isLast && isFiniteStep((await last.results)[0]) ? last.step : step - 1;
  }

  /** What is to be said of a step that was not finite. Saves the state before it, where all of it is finite. */
  async #diverged(
    begun: BegunStep,
    itemIndices: Uint32Array,
    loss: number,
  ): Promise<DivergenceError> {
    const { plan, session, skipped, save, writeItems, saved } = this.#run;
    const { step, batch, learningRate, seed } = begun;
    const { training, precision, start } = plan;
    // Whatever else fails now, it is the step that is spoken of.
    const values = await session.run('read', {}).catch(() => undefined);
    const afterStep = await this.#stepOfVariables(begun).catch(() => undefined);
    const variable = values && firstNonFinite(training.variables, values);
    const diagnosisIn = async (computeType: typeof precision.computeType) =>
      values && diagnose(plan, batch, seed, values, computeType).catch(() => undefined);
    const diagnosis = await diagnosisIn(precision.computeType);
    const inFloat32 =
      precision.computeType === 'bfloat16' ? await diagnosisIn('float32') : undefined;
    // With `skip`, one behind it may have changed them: what is recorded is of another state then.
    if (variable === undefined && afterStep === step - 1) {
      await save(afterStep)
        .then(writeItems)
        .catch(() => {});
    }
    await saved().catch(() => {});
    return divergenceError(plan, {
      step,
      found: foundInStep(loss, variable),
      skippedBefore: skipped.inARow,
      learningRate,
      unchangedSince: step - 1 - skipped.inARow <= start.step ? start.checkpoint : undefined,
      variable: variable && { name: variable.name, afterStep },
      diagnosis,
      lossInFloat32: inFloat32 && isAllFinite(inFloat32) ? inFloat32.loss : undefined,
      itemIndices,
    });
  }
}

/** Of the whole run. */
function skippedSummary(total: number): SummaryValue {
  return scalarSummary('skipped_steps', total);
}
