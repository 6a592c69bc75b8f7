/** What a run leaves when it ends; done again, it leaves the same. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { interruptedExitCode } from '../console/interrupt.ts';
import { epochAfter } from '../epochs.ts';
import { reasonOf, WriteError } from '../errors.ts';
import { hparamsEndSummary } from '../events/hparams.ts';
import { lastStepOf } from '../events/readEvents.ts';
import { longestOf } from '../events/series.ts';
import { syncFolder } from '../files/syncFolder.ts';
import { scores, suspicions } from '../insitu/scores.ts';
import { wrongLabelsText } from '../insitu/wrongLabels.ts';
import { reportDetection } from '../recording/detectionReport.ts';
import { writeSelectionEmbedding } from '../recording/selectionEmbedding.ts';
import type { Run } from './openRun.ts';
import type { RunPlan } from './planRun.ts';
import { recordStart } from './recordPlan.ts';
import { epochLine, skippedLine } from './runMessages.ts';
import { printReport } from './runReport.ts';
import type { TrainingResult } from './trainer.ts';

const unconfirmed =
  'What the run made at its end is there, but a power cut may take it; the same command tries again.';

/**
 * Whether there is nothing left to do: all steps are done, and the run came to its end after them. One
 * that was killed between its last checkpoint and its end is concluded by the next start.
 */
export function isConcluded({ options, start, lastStep }: RunPlan): boolean {
  if (start.step < lastStep) return false;
  const { tag } = hparamsEndSummary(0);
  return lastStepOf(options.train_dir, tag) === start.step;
}

/**
 * Writes what a run leaves at its end: the selection of an epoch that is not complete, the past of each
 * monitored item, the embedding, how well planted errors were found; and says how it went.
 *
 * @returns  the exit code: 0, or 128 plus the number of the signal that interrupted it
 * @throws UserError  when an item cannot be read
 */
export async function concludeRun(run: Run, result: TrainingResult): Promise<number> {
  const { plan, session, log, inSitu, plantedErrors, evaluation, progress, lost, skipped } = run;
  const { options, data, training } = plan;
  const { step } = result;
  await endBegunEpoch(run, result);
  await inSitu?.end(step);
  if (inSitu && training.selectionLayer !== null && options.projector_items > 0) {
    const { selectionLayer } = training;
    await lost.attempt('embeddings', () =>
      writeSelectionEmbedding({
        session,
        dataset: data.dataset,
        pipeline: plan.pipeline,
        selectionLayer,
        selected: inSitu.selected,
        plantedErrors,
        randomItems: options.projector_items,
        trainDir: options.train_dir,
        step,
      }),
    );
  }
  const expectation =
    inSitu && plantedErrors !== undefined && plantedErrors.size > 0
      ? await reportDetection({
          known: inSitu.known,
          plantedErrors,
          noise: `${100 * options.label_noise} % ${options.label_noise_type}`,
          rankBy: options.rank_by,
          trainDir: options.train_dir,
          log,
          lost,
          step,
        })
      : inSitu &&
        wrongLabelsText(
          suspicions(scores.get('disagreement')!, inSitu.known),
          undefined,
          options.rank_by,
        );
  const record = join(options.train_dir, 'run.json');
  // Without it no command knows any more what the network and its data were.
  if (!existsSync(record)) {
    await lost.attempt('run.json', async () => {
      await recordStart(plan);
      progress.message(`${record}: was deleted while the run went on; written anew`);
    });
  }
  await log.flush();
  // All has to be on the disk before the end is: a run that has an end is not looked at again.
  await syncFolder(options.train_dir).catch((error) => {
    const fault = `${options.train_dir}: is not confirmed by the disk (${reasonOf(error)}).`;
    lost.add('confirmation of the last files', new WriteError(fault), 1, unconfirmed);
  });
  // A signal may have ended the evaluation after the last step.
  const interrupted = result.interrupted || evaluation?.holds(step) === false;
  // TensorBoard keeps the first end that it reads of a run: an interrupted one has none yet, and
  // one whose disk was full gets it from the next start, which writes what is missing.
  if (!interrupted && lost.count === 0) {
    await log.write(step, [hparamsEndSummary(Date.now() / 1000)]);
    await log.flush();
  }
  progress.close();
  const longest = longestOf(log.longestSeries, evaluation?.longestSeries ?? {});
  const skippedSteps = skippedLine(skipped, step);
  const ended = { ...result, interrupted };
  printReport(options, ended, longest, training, expectation, skippedSteps, lost);
  return interrupted ? interruptedExitCode(run.signal) : 0;
}

/** Shows what was trained of an epoch; a checkpoint keeps its queue as it is, to go on with. */
async function endBegunEpoch(run: Run, { step, interrupted }: TrainingResult): Promise<void> {
  const { plan, inSitu, log, progress } = run;
  if (step % plan.stepsPerEpoch === 0) return;
  const epoch = epochAfter(step, plan.stepsPerEpoch);
  const selection = inSitu ? await inSitu.endEpoch(epoch, step, false) : null;
  await log.flush();
  // Who interrupts a run in the middle of an epoch does not wait for an evaluation.
  const evaluated = interrupted ? undefined : await run.evaluate(step);
  progress.message(epochLine(epoch, selection, evaluated));
}
