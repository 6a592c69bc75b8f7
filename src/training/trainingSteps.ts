/** The steps of a run: begun one after the other, and recorded when the engine has done them. */
import type { HostTensor } from '../engines/engine.ts';
import { FrozenFeatures } from '../model/frozenFeatures.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import { decodeStep } from '../model/stepOutcome.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { type DivergenceError, divergenceError, firstNonFinite } from './divergence.ts';
import { HeadSteps } from './headSteps.ts';
import { learningRateAt } from './learningRate.ts';
import type { Run } from './openRun.ts';
import type { RunOptions } from './runOptions.ts';
import { StepRate, SummarySchedule } from './schedule.ts';
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
  /** Steps begun so far. */
  #begun: number;
  /** Whether an item is to be prepared for its next step; undefined for all. */
  readonly isNeeded: ((itemIndex: number) => boolean) | undefined;

  constructor(run: Run) {
    const { start, stepsPerEpoch, options } = run.plan;
    this.#run = run;
    this.#begun = start.step;
    this.#head =
      run.features &&
      new HeadSteps(
        run.session,
        new FrozenFeatures(run.session, 'features', run.features),
        (itemIndex) => run.inSitu?.isMonitored(itemIndex) ?? false,
      );
    this.isNeeded = this.#head?.isNeeded;
    this.#summaries = new SummarySchedule(start.step, stepsPerEpoch, options.save_summaries_secs);
    this.#rate = new StepRate(start.step, run.clock.now);
  }

  /** Has the engine do a step; the batch stays as it is until it is recorded. @param stepsBefore  begun so far */
  begin(batch: Batch, stepsBefore: number): BegunStep {
    const { session, inSitu, plan } = this.#run;
    const { options, data, itemsPerStep, lastStep } = plan;
    const stepsPerEpoch = data.dataset.items.length / itemsPerStep;
    const learningRate = learningRateAt(stepsBefore, { ...options, stepsPerEpoch, lastStep });
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
    const feeds = trainFeeds(batch, learningRate, stepsBefore, fedRows, options);
    const results =
      this.#head?.run(batch, rows, feeds, hasSummaries) ??
      Promise.all([
        session.run(hasSummaries ? 'train_with_summaries' : entryPoint, {
          ...batch.feeds,
          ...feeds,
        }),
        // Right behind it: the next step changes them.
        hasSummaries ? session.run('read', {}) : undefined,
      ]);
    // A step that fails is heard of when it is recorded, or never: one before it has ended the run.
    results.catch(() => {});
    const returnedAt = takesAllRows ? rows : (rows?.keys() ?? []);
    this.#begun = stepsBefore + 1;
    return { step: this.#begun, batch, rows, returnedAt, learningRate, results };
  }

  /**
   * Waits for a step and records it, those before it having been recorded.
   *
   * @throws DivergenceError  when the loss is no number
   */
  async record(begun: BegunStep): Promise<void> {
    const { step, batch, rows, returnedAt, learningRate, results } = begun;
    const { plan, log, inSitu, progress } = this.#run;
    const [outputs, variables] = await results;
    const outcome = decodeStep(outputs, plan.training, returnedAt);
    if (!Number.isFinite(outcome.loss)) throw await this.#diverged(begun, outcome.loss);
    const epoch = Math.ceil(step / plan.stepsPerEpoch);
    if (inSitu) await inSitu.observe(batch, rows, outcome, epoch, step);
    progress.update({ step, epoch, loss: outcome.loss });
    if (variables === undefined && step % plan.options.log_every_n_steps !== 0) return;
    const rate = this.#rate.measure(step);
    const ofStep = stepSummaries(outcome, batch.labels, learningRate, rate);
    const names = plan.training.modelVariables.map(({ name }) => name);
    const ofLayers = variables && [
      ...layerSummaries(outcome.statistics),
      ...variableSummaries(variables, names),
    ];
    await log.write(step, [...ofStep, ...(ofLayers ?? [])]);
  }

  /** What is to be said of a step whose loss is no number. */
  async #diverged(
    { step, batch, learningRate }: BegunStep,
    loss: number,
  ): Promise<DivergenceError> {
    const { plan, session } = this.#run;
    // The step behind this one may have been begun: it is done before they are read.
    const afterStep = this.#begun;
    // Whatever else fails now, it is the loss that is spoken of.
    const values = await session.run('read', {}).catch(() => undefined);
    const variable = values && firstNonFinite(plan.training.variables, values);
    await this.#run.saved().catch(() => {});
    return divergenceError(plan, {
      step,
      found: `the loss is ${loss}; expected a number`,
      learningRate,
      variable: variable && { name: variable.name, afterStep },
      itemIndices: batch.itemIndices,
    });
  }
}

function scalar(value: number): HostTensor {
  return { data: Float32Array.of(value), shape: [] };
}

/** What a step is fed beside the items. */
function trainFeeds(
  { labels }: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  { seed, moving_average_decay }: RunOptions,
): Record<string, HostTensor> {
  return {
    labels: { data: labels, shape: [labels.length] },
    learning_rate: scalar(rate),
    dropout_seed: { data: Int32Array.of(seed, step), shape: [2] },
    ...(moving_average_decay === undefined
      ? {}
      : { moving_average_decay: scalar(movingAverageDecayAt(step, moving_average_decay)) }),
    ...(rows ? { monitor_rows: { data: rows, shape: [rows.length] } } : {}),
  };
}
