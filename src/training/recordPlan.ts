/** Writes what a run leaves before its first step, and brings what an earlier start left into line. */
import { join } from 'node:path';
import { digestOf } from '../../datasets/dataDigest.ts';
import { hparamsStartSummary } from '../events/hparams.ts';
import { dropLinesAfter } from '../files/jsonLines.ts';
import { encodeGraphDef } from '../graph/graphDef.ts';
import { recordTrainingData } from '../input/trainingData.ts';
import { vocabularyFile, writeVocabulary } from '../preprocessing/vocabulary.ts';
import { monitoringFile } from '../recording/itemMonitor.ts';
import { writeRunRecord } from '../runFiles/runRecord.ts';
import { restoreSelection } from '../runFiles/selectionFiles.ts';
import { hyperparametersOf } from './hyperparameters.ts';
import type { Run } from './openRun.ts';
import type { RunPlan } from './planRun.ts';
import { dataLine, featuresLine, followLine } from './runMessages.ts';

/**
 * Keeps the words that the run's network knows, in its folder; of images there are none.
 *
 * @throws UserError  when the folder cannot be written to
 */
export async function recordVocabulary({ options, pipeline }: RunPlan): Promise<void> {
  const { input } = pipeline;
  if (input.kind !== 'texts') return;
  await writeVocabulary(join(options.train_dir, vocabularyFile), input.vocabulary);
}

/**
 * Records what the run is going to do: run.json, what its data are, graph and hyperparameters. The
 * records of steps that were lost with a killed process, and are done again, go.
 *
 * @throws UserError  when the run's folder cannot be written to
 */
export async function recordPlan({ plan, log, inSitu, progress }: Run): Promise<void> {
  const { options, data, engine, engineReason, precision, start } = plan;
  await recordTrainingData(options, data);
  await recordVocabulary(plan);
  progress.message(dataLine(data.dataset));
  progress.message(`engine: ${engine.name} (${engineReason})`);
  progress.message(`precision: ${precision.computeType} (${precision.reason})`);
  for (const message of start.messages) progress.message(message);
  const ofFeatures = featuresLine(plan);
  if (ofFeatures !== undefined) progress.message(ofFeatures);
  progress.message(followLine(options, plan.lastStep, plan.stepsPerEpoch));
  await recordStart(plan);
  await dropLinesAfter(join(options.train_dir, monitoringFile), start.step);
  const { selectionLayer } = plan.training;
  if (selectionLayer !== null) {
    await restoreSelection(options.train_dir, selectionLayer, start.step);
  }
  inSitu?.keepRecords();
  // A process that was killed between its checkpoint and these files left older ones.
  if (start.state !== undefined) inSitu?.writeItems();
  await log.writeGraph(encodeGraphDef(plan.training.graph));
  if (start.step > 0) return;
  const hparams = hyperparametersOf({ ...options, precision: precision.computeType });
  await log.write(0, [hparamsStartSummary(hparams, Date.now() / 1000)]);
}

/** Writes run.json. @throws UserError  when it cannot be written */
export async function recordStart(plan: RunPlan): Promise<void> {
  const { options, data, engine, engineReason, precision, start } = plan;
  const { dataset } = data;
  const { input } = plan.pipeline;
  await writeRunRecord(options.train_dir, {
    step: start.step,
    flags: { ...options },
    engine: { name: engine.name, reason: engineReason },
    precision,
    dataset: {
      name: dataset.name,
      split: dataset.split,
      items: dataset.items.length,
      classes: dataset.classNames,
      digest: digestOf(dataset),
      ...(dataset.kind === 'images' ? { channels: dataset.imageShape[2] } : {}),
      ...(input.kind === 'texts' ? { vocabularySha256: input.vocabulary.sha256 } : {}),
    },
  });
}
