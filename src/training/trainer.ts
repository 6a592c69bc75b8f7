/** The training loop: exact epochs, one step after the other, and what is done once in a while. */
import { setImmediate } from 'node:timers/promises';
import type { Dataset } from '../../datasets/dataset.ts';
import type { Progress } from '../console/progress.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { EventWriter } from '../events/eventWriter.ts';
import { type SummaryValue, scalarSummary } from '../events/summaries.ts';
import { readStepSummaries, variableSummaries } from '../model/layerStatistics.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import type { Batch, BatchPipeline } from '../preprocessing/batchPipeline.ts';
import type { InSituRecorder, Selection } from '../recording/inSituRecorder.ts';
import { type LearningRateOptions, learningRateAt } from './learningRate.ts';

/** What the loop depends on; the names in snake case are those of the flags. */
export interface TrainerOptions {
  readonly session: Session;
  readonly dataset: Dataset;
  readonly pipeline: BatchPipeline;
  readonly writer: EventWriter;
  readonly progress: Progress;
  /** null when no layer guides a selection. */
  readonly inSitu: InSituRecorder | null;
  readonly learningRate: LearningRateOptions;
  /** Names of the network's variables. */
  readonly variables: readonly string[];
  readonly seed: number;
  /** Steps done before, from a checkpoint. */
  readonly firstStep: number;
  /** Steps after which the training ends; Infinity for never. */
  readonly lastStep: number;
  readonly batch_size: number;
  readonly log_every_n_steps: number;
  readonly save_summaries_secs: number;
  readonly save_interval_secs: number;
  readonly save_interval_steps: number | undefined;
  /** undefined when no averages are kept. */
  readonly moving_average_decay: number | undefined;
  /** Writes a checkpoint of everything after `step` steps. */
  readonly save: (step: number) => Promise<void>;
  /** Told of each epoch's selection; null when no layer guides one. */
  readonly onEpochEnd: (epoch: number, step: number, selection: Selection | null) => Promise<void>;
  /** Ends the training after the current step when it is aborted (Ctrl-C). */
  readonly signal: AbortSignal;
}

/** How a training ended. */
export interface TrainingResult {
  /** Steps done in all. */
  readonly step: number;
  /** Whether the signal ended it before its last step. */
  readonly interrupted: boolean;
  /** Steps that this call did, and the time they took, start-up left out. */
  readonly steps: number;
  readonly seconds: number;
}

/** Steps in an epoch: every item once, the last batch possibly smaller. */
export function stepsPerEpoch(size: number, batchSize: number): number {
  return Math.ceil(size / batchSize);
}

/** Tells once in every `seconds`; never when it is 0. */
class Timer {
  readonly #intervalMs: number;
  #lastMs = performance.now();

  constructor(seconds: number) {
    this.#intervalMs = seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY;
  }

  isDue(): boolean {
    if (performance.now() - this.#lastMs < this.#intervalMs) return false;
    this.#lastMs = performance.now();
    return true;
  }
}

/** When layers and weights are summarised, and how fast the steps in between were. */
class SummarySchedule {
  readonly #firstStep: number;
  readonly #isOn: boolean;
  readonly #timer: Timer;
  #lastStep: number;
  #lastMs = performance.now();

  constructor(firstStep: number, seconds: number) {
    this.#firstStep = firstStep;
    this.#lastStep = firstStep;
    this.#isOn = seconds > 0;
    this.#timer = new Timer(seconds);
  }

  /** At the first step, at each epoch's last and when the time has come; never when it is 0. */
  isDue(stepsBefore: number, perEpoch: number): boolean {
    const isOfEpoch = stepsBefore === this.#firstStep || (stepsBefore + 1) % perEpoch === 0;
    return (this.#timer.isDue() || isOfEpoch) && this.#isOn;
  }

  /** Steps per second since the last call; none after the first step, which starts the engine up. */
  speed(step: number): SummaryValue[] {
    const now = performance.now();
    const rate = ((step - this.#lastStep) * 1000) / (now - this.#lastMs);
    const isFirst = step === this.#firstStep + 1;
    this.#lastStep = step;
    this.#lastMs = now;
    return isFirst ? [] : [scalarSummary('global_step/sec', rate)];
  }
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

/** Trains from `firstStep` to `lastStep`. */
export async function train(options: TrainerOptions): Promise<TrainingResult> {
  const { session, dataset, pipeline, writer, progress, inSitu, signal, firstStep, lastStep } =
    options;
  const perEpoch = stepsPerEpoch(dataset.items.length, options.batch_size);
  const summaries = new SummarySchedule(firstStep, options.save_summaries_secs);
  const checkpointTimer = new Timer(options.save_interval_secs);
  const isOver = (step: number) => step >= lastStep || signal.aborted;
  const isSaveDue = (step: number) =>
    checkpointTimer.isDue() ||
    (options.save_interval_steps !== undefined && step % options.save_interval_steps === 0);
  let savedStep = firstStep;
  const save = async (step: number) => {
    if (step === savedStep) return;
    // A resumed run logs what comes after its checkpoint: all that comes before has to be there.
    await inSitu?.drained();
    await writer.sync();
    await options.save(step);
    savedStep = step;
  };
  const startMs = performance.now();
  let step = firstStep;
  while (!isOver(step)) {
    const epochIndex = Math.floor(step / perEpoch);
    const epoch = epochIndex + 1;
    for await (const batch of pipeline.epoch(epochIndex, step % perEpoch)) {
      const rate = learningRateAt(step, options.learningRate);
      const rows = inSitu?.rowsToMonitor(batch);
      // Decided before the step: summaries are of the very batch that it trains on.
      const isSummaryStep = summaries.isDue(step, perEpoch);
      const outputs = session.run(
        isSummaryStep ? 'train_with_summaries' : 'train',
        trainFeeds(batch, rate, step, rows, options),
      );
      step++;

      const loss = outputs['total_loss']!.data[0]!;
      if (!Number.isFinite(loss)) throw new DivergenceError(step, loss);
      if (inSitu) await inSitu.observe(batch, rows, outputs, epoch, step);
      progress.update({ step, epoch, loss });
      if (isSummaryStep || step % options.log_every_n_steps === 0) {
        const values = [
          scalarSummary(
            'losses/softmax_cross_entropy_loss/value',
            outputs['cross_entropy']!.data[0]!,
          ),
          scalarSummary('total_loss', loss),
          scalarSummary('learning_rate', rate),
          scalarSummary('accuracy', accuracyOf(batch, outputs['output']!)),
          ...summaries.speed(step),
          ...(isSummaryStep ? readStepSummaries(outputs) : []),
          ...(isSummaryStep ? variableSummaries(session.run('read', {}), options.variables) : []),
        ];
        await writer.write({ step, values });
      }
      // At an epoch's end the checkpoint waits for the selection.
      if (step % perEpoch !== 0 && isSaveDue(step)) await save(step);
      if (isOver(step)) break;
      // The step blocks JavaScript: here messages of worker threads and signals get their turn.
      await setImmediate();
    }
    const isComplete = step % perEpoch === 0;
    // A checkpoint in the middle of an epoch keeps the queue as it is, to go on with.
    if (isOver(step) && !isComplete) await save(step);
    const selection = inSitu ? await inSitu.endEpoch(epoch, step, isComplete) : null;
    await writer.flush();
    await options.onEpochEnd(epoch, step, selection);
    if (isComplete && (isOver(step) || isSaveDue(step))) await save(step);
  }
  const seconds = (performance.now() - startMs) / 1000;
  return { step, interrupted: step < lastStep, steps: step - firstStep, seconds };
}

function scalar(value: number): HostTensor {
  return { data: Float32Array.of(value), shape: [] };
}

function trainFeeds(
  { input, labels }: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  { seed, moving_average_decay }: TrainerOptions,
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

/** Share of the batch that the network got right, 0..1. */
function accuracyOf({ labels }: Batch, output: HostTensor): number {
  let correct = 0;
  labels.forEach((label, row) => {
    if (output.data[row] === label) correct++;
  });
  return correct / labels.length;
}
