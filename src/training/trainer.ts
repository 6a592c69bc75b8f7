/** The training loop: exact epochs, one step after the other, and what is done once in a while. */
import { latestCheckpoint } from '../checkpoint/checkpoints.ts';
import { updatingOf } from '../cluster/updating.ts';
import { GoneError } from '../engines/distributed/presence.ts';
import { UserError } from '../errors.ts';
import type { Run } from './openRun.ts';
import './rareCollections.ts';
import { epochLine } from './runMessages.ts';
import { Timer } from './schedule.ts';
import { type BegunStep, TrainingSteps } from './trainingSteps.ts';

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

/**
 * Trains from the run's first step to its last. What is not complete of the last epoch stays in the
 * checkpoint, for `concludeRun` or for a run that goes on.
 *
 * @throws UserError  when a loss, a derivative or a variable is no number, an item cannot be read, or a checkpoint not written
 */
export async function train(run: Run): Promise<TrainingResult> {
  const { options, start, lastStep, stepsPerEpoch: perEpoch } = run.plan;
  const { inSitu, evaluation, progress, clock, signal, team } = run;
  const firstStep = start.step;
  const checkpointTimer = new Timer(options.save_interval_secs);
  const isOver = (step: number) => step >= lastStep || signal.aborted;
  const isSaveDue = (step: number) =>
    checkpointTimer.isDue() ||
    (options.save_interval_steps !== undefined && step % options.save_interval_steps === 0);
  const isEvaluationDue = (step: number) =>
    step >= lastStep || (step / perEpoch) % options.eval_interval_epochs === 0;
  // What interrupted the run at the end of an epoch ended the evaluation there, too.
  if (firstStep > 0 && firstStep % perEpoch === 0 && isEvaluationDue(firstStep)) {
    const evaluated = evaluation?.holds(firstStep) ? undefined : await run.evaluate(firstStep);
    if (evaluated) progress.message(epochLine(firstStep / perEpoch, null, evaluated));
  }
  const startMs = clock.now();
  const steps = new TrainingSteps(run);
  let step = firstStep;
  const beginEpoch = async () => {
    const end = Math.min((Math.floor(step / perEpoch) + 1) * perEpoch, lastStep);
    await team?.beginEpoch(step, end, inSitu?.monitored ?? []);
  };
  try {
    await beginEpoch();
    while (!isOver(step)) {
      step = await trainEpoch(run, steps, step, isOver, isSaveDue);
      if (step % perEpoch !== 0) break;
      const epoch = step / perEpoch;
      // Its views are drawn while the next one trains; a checkpoint waits for them.
      const selection = inSitu ? await inSitu.endEpoch(epoch, step, true) : null;
      // An evaluation may take long, and what keeps it from its end is not to cost any step.
      if (isOver(step) || (isSaveDue(step) && run.hasTrained(step))) await run.save(step);
      const evaluated = isEvaluationDue(step)
        ? await run.evaluate(step).catch((error) => saveAndFail(run, step, error))
        : undefined;
      progress.message(epochLine(epoch, selection, evaluated));
      await run.writeItems();
      // Not before: workers that update for themselves would change what is evaluated and saved.
      if (!isOver(step)) await beginEpoch();
    }
  } catch (error) {
    throw error instanceof GoneError ? await afterLoss(run, steps.recorded, error) : error;
  }
  // Others may take long to end; but what each of them updates for all is whole when they have.
  const isWhole = updatingOf(options) !== 'each';
  if (!isWhole) await team?.dismiss();
  await run.save(step);
  if (isWhole) await team?.dismiss();
  await run.writeItems();
  // What the disk did not take it may take now, as a network drive that is back.
  await run.save(step);
  await run.saved();
  const seconds = (clock.now() - startMs) / 1000;
  return { step, interrupted: step < lastStep, steps: step - firstStep, seconds };
}

/**
 * Saves what this process has of a training that cannot go on since another process is gone.
 *
 * @param step  steps that all is recorded of
 * @returns     what to say of that one, and of where the training goes on
 */
async function afterLoss(run: Run, step: number, lost: GoneError): Promise<GoneError> {
  if (run.saveOwn === undefined || step === run.plan.start.step) return lost;
  try {
    await run.saveOwn(step);
    await run.writeItems();
    await run.saved();
    return lost.goingOn(`after step ${step}, which is saved`);
  } catch (error) {
    const reason = error instanceof GoneError ? error.what : (error as Error).message;
    const sentence = `from its latest checkpoint; step ${step} is not saved: ${reason}`;
    return lost.goingOn(sentence.replace(/\.$/, ''));
  }
}

/**
 * Keeps what was trained before something else than a step failed, such as data that went away, and fails as that did,
 * naming the checkpoint that the run can go on from.
 */
async function saveAndFail(run: Run, step: number, error: unknown): Promise<never> {
  if (step > run.plan.start.step) {
    // Whatever else fails now, that came first.
    await run
      .save(step)
      .then(run.writeItems)
      .then(run.saved)
      .catch(() => {});
  }
  const checkpoint = await latestCheckpoint(run.plan.options.train_dir).catch(() => undefined);
  const canBeMended = error instanceof UserError && !(error instanceof GoneError);
  if (checkpoint === undefined || !canBeMended) throw error;
  const message = `${error.message} Mend it, and start the run again: it goes on from ${checkpoint}.`;
  throw new UserError(message, { cause: error });
}

/**
 * Trains to the end of an epoch, or until it is over. While the engine does a step, the one before it is
 * recorded; before a checkpoint and at the end, all are.
 *
 * @param step  steps done so far
 * @returns     steps done then
 */
async function trainEpoch(
  run: Run,
  steps: TrainingSteps,
  step: number,
  isOver: (step: number) => boolean,
  isSaveDue: (step: number) => boolean,
): Promise<number> {
  const { plan, pipeline, save } = run;
  const perEpoch = plan.stepsPerEpoch;
  const epoch = Math.floor(step / perEpoch);
  let done = step;
  let last: BegunStep | undefined;
  let isReading = true;
  try {
    for await (const batch of pipeline.epoch(epoch, step % perEpoch, steps.isNeeded)) {
      isReading = false;
      const begun = steps.begin(batch, done++);
      const before = last;
      // Nothing more is recorded once something before it could not be.
      last = undefined;
      if (before) await steps.record(before);
      // At an epoch's end the checkpoint waits for the selection.
      if (done % perEpoch !== 0 && isSaveDue(done)) {
        await steps.record(begun);
        if (run.hasTrained(done)) await save(done);
      } else last = begun;
      if (isOver(done)) break;
      isReading = true;
    }
  } catch (error) {
    // It is done, whatever keeps the next batch from coming, or the next step from beginning.
    if (last) await steps.record(last);
    if (!isReading) throw error;
    return saveAndFail(run, done, error);
  }
  if (last) await steps.record(last);
  return done;
}
