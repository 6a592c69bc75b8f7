/** The training loop: exact epochs, one step after the other, and what is done once in a while. */
import { setImmediate } from 'node:timers/promises';
import type { HostTensor } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import { decodeStep, type StepOutcome } from '../model/stepOutcome.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { learningRateAt } from './learningRate.ts';
import type { Run } from './openRun.ts';
import { epochLine } from './runMessages.ts';
import type { RunOptions } from './runOptions.ts';
import { StepRate, SummarySchedule, Timer } from './schedule.ts';
import { layerSummaries, stepSummaries, variableSummaries } from './stepSummaries.ts';

/** How a training ended. */
export interface TrainingResult {
  /** Steps done in all. */
  readonly step: number;
  /** Whether the signal ended it before its last step. */
  readonly interrupted: boolean;
  /** Steps that this call did, and the time they took: start-up and evaluations left out. */
  readonly steps: number;
  readonly seconds: number;
}

/** The loss is no number any more, and nothing after it can be. */
class DivergenceError extends UserError {
  constructor(step: number, loss: number) {
    super(
      `step ${step}: the loss is ${loss}; expected a number. The training diverged: lower ` +
        '--learning_rate, or begin with --warmup_epochs.',
    );
  }
}

/**
 * Trains from the run's first step to its last. What is not complete of the last epoch stays in the
 * checkpoint, for `concludeRun` or for a run that goes on.
 *
 * @throws UserError  when the loss is no number, an item cannot be read, or a checkpoint not written
 */
export async function train(run: Run): Promise<TrainingResult> {
  const { options, training, start, lastStep, stepsPerEpoch: perEpoch } = run.plan;
  const { session, pipeline, log, inSitu, progress, clock, signal } = run;
  const firstStep = start.step;
  const learningRate = {
    ...options,
    stepsPerEpoch: run.plan.data.dataset.items.length / options.batch_size,
  };
  const summaries = new SummarySchedule(firstStep, perEpoch, options.save_summaries_secs);
  const checkpointTimer = new Timer(options.save_interval_secs);
  const isOver = (step: number) => step >= lastStep || signal.aborted;
  const isSaveDue = (step: number) =>
    checkpointTimer.isDue() ||
    (options.save_interval_steps !== undefined && step % options.save_interval_steps === 0);
  const startMs = clock.now();
  const stepRate = new StepRate(firstStep, clock.now);
  let step = firstStep;
  while (!isOver(step)) {
    const epochIndex = Math.floor(step / perEpoch);
    const epoch = epochIndex + 1;
    for await (const batch of pipeline.epoch(epochIndex, step % perEpoch)) {
      const rate = learningRateAt(step, learningRate);
      const rows = inSitu?.rowsToMonitor(batch);
      // Decided before the step: summaries are of the very batch that it trains on.
      const isSummaryStep = summaries.isDue(step);
      const outputs = session.run(
        isSummaryStep ? 'train_with_summaries' : 'train',
        trainFeeds(batch, rate, step, rows, options),
      );
      step++;

      const outcome = decodeStep(outputs, training, rows?.length ?? 0);
      if (!Number.isFinite(outcome.loss)) throw new DivergenceError(step, outcome.loss);
      if (inSitu) await inSitu.observe(batch, rows, outcome, epoch, step);
      progress.update({ step, epoch, loss: outcome.loss });
      if (isSummaryStep || step % options.log_every_n_steps === 0) {
        const ofStep = stepSummaries(outcome, batch.labels, rate, stepRate.measure(step));
        const ofLayers = isSummaryStep ? summariesOfLayers(run, outcome) : [];
        await log.write(step, [...ofStep, ...ofLayers]);
      }
      // At an epoch's end the checkpoint waits for the selection.
      if (step % perEpoch !== 0 && isSaveDue(step)) await run.save(step);
      if (isOver(step)) break;
      // The step blocks JavaScript: here messages of worker threads and signals get their turn.
      await setImmediate();
    }
    if (step % perEpoch !== 0) break;
    const selection = inSitu ? await inSitu.endEpoch(epoch, step, true) : null;
    await log.flush();
    const isDue = step >= lastStep || epoch % options.eval_interval_epochs === 0;
    const evaluated = isDue ? await run.evaluate(step) : undefined;
    progress.message(epochLine(epoch, selection, evaluated));
    if (isOver(step) || isSaveDue(step)) await run.save(step);
    await run.writeItems();
  }
  if (step > firstStep) await run.save(step);
  await run.writeItems();
  await run.saved();
  const seconds = (clock.now() - startMs) / 1000;
  return { step, interrupted: step < lastStep, steps: step - firstStep, seconds };
}

function summariesOfLayers({ session, plan }: Run, { statistics }: StepOutcome) {
  const names = plan.training.modelVariables.map(({ name }) => name);
  return [...layerSummaries(statistics), ...variableSummaries(session.run('read', {}), names)];
}

function scalar(value: number): HostTensor {
  return { data: Float32Array.of(value), shape: [] };
}

function trainFeeds(
  { input, labels }: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  { seed, moving_average_decay }: RunOptions,
): Record<string, HostTensor> {
  return {
    [input.name]: input,
    labels: { data: labels, shape: [labels.length] },
    learning_rate: scalar(rate),
    dropout_seed: { data: Int32Array.of(seed, step), shape: [2] },
    ...(moving_average_decay === undefined
      ? {}
      : { moving_average_decay: scalar(movingAverageDecayAt(step, moving_average_decay)) }),
    ...(rows ? { monitor_rows: { data: rows, shape: [rows.length] } } : {}),
  };
}
