/** One run of `losslens evaluate`. */
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Dataset } from '../../datasets/dataset.ts';
import { applyLabelsFile } from '../../datasets/labels/labelsFile.ts';
import {
  isCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  resolveCheckpoint,
  stepOfCheckpoint,
} from '../checkpoint/checkpoints.ts';
import { Cleanup } from '../cleanup.ts';
import { noteOnce } from '../console/noteOnce.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import type { PrecisionChoice } from '../engines/precision.ts';
import { UsageError } from '../errors.ts';
import { insertSummaries } from '../events/insertSummaries.ts';
import { lockFolder } from '../files/folderLock.ts';
import { Classifier } from '../inference/classifier.ts';
import { tellOfClassOrder, withKnownClasses } from '../input/knownClasses.ts';
import { decodedSizeOf, networkInput, recordedVocabulary } from '../input/networkInput.ts';
import { tellOfOtherItems } from '../input/runData.ts';
import { type DataOptions, decodedChannels, loadSplit, recordSkipped } from '../input/splits.ts';
import { loadNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { readRunRecord } from '../runFiles/runRecord.ts';
import { show, tell } from '../terminal.ts';
import { EvaluationLog, savedCheckpoint } from './evaluationLog.ts';
import {
  evaluationLine,
  evaluationRecord,
  evaluationSummaries,
  evaluationTables,
} from './evaluationReport.ts';
import { type Evaluation, evaluate } from './evaluator.ts';

/** What an evaluation is asked to do: the flags of `losslens evaluate`. */
export interface EvaluationOptions extends DataOptions {
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly use_grayscale: boolean;
  readonly num_readers: number;
  readonly num_preprocessing_threads: number;
  readonly labels_file: string | undefined;
  readonly train_image_size: number | undefined;
  readonly max_sequence_length: number | undefined;
  readonly batch_size: number;
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
  readonly deterministic: boolean;
  readonly precision: PrecisionChoice;
  /** Of evaluations that name none, it is the run's train_image_size. */
  readonly eval_image_size: number | undefined;
  readonly max_num_batches: number | undefined;
  readonly checkpoint_path: string;
  /** Set to anything, the moving averages are evaluated. */
  readonly moving_average_decay: number | undefined;
  readonly eval_dir: string | undefined;
  readonly watch: boolean;
  readonly watch_interval_secs: number;
  readonly json: boolean;
}

/** What stays the same from checkpoint to checkpoint. */
interface Evaluator {
  readonly options: EvaluationOptions;
  readonly dataset: Dataset;
  readonly classifier: Classifier;
  readonly pipeline: BatchPipeline;
  /** Where summaries and records go. */
  readonly folder: string;
  readonly log: EvaluationLog;
  readonly signal: AbortSignal;
}

/**
 * Waits until there is a checkpoint in a folder, or the signal is aborted.
 *
 * @throws UsageError  when a checkpoint is given in place of a folder
 */
export async function waitForCheckpoint(
  {
    checkpoint_path,
    watch_interval_secs,
  }: Pick<EvaluationOptions, 'checkpoint_path' | 'watch_interval_secs'>,
  signal: AbortSignal,
): Promise<void> {
  if (isCheckpoint(checkpoint_path)) {
    throw new UsageError(
      `--watch: looks for new checkpoints in a folder, but --checkpoint_path=${checkpoint_path} is one; name its folder, or leave --watch out.`,
    );
  }
  let isToldOf = false;
  while (!signal.aborted && (await latestCheckpoint(checkpoint_path)) === undefined) {
    if (!isToldOf) tell(`waiting for a checkpoint in ${checkpoint_path}`);
    isToldOf = true;
    await pause(watch_interval_secs, signal);
  }
}

/** Resolves after some seconds, or when the signal is aborted. */
async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(1000 * seconds, undefined, { signal }).catch(() => {});
}

/**
 * Evaluates a checkpoint, or with --watch each new one of a folder until the signal is aborted:
 * prints the result and writes it as summaries at the checkpoint's step and into `evaluations.jsonl`.
 *
 * @throws UserError  for what the user can mend
 */
export async function runEvaluation(
  options: EvaluationOptions,
  signal: AbortSignal,
): Promise<void> {
  await Cleanup.after(async (cleanup) => {
    const folder = dirname(await resolveCheckpoint(options.checkpoint_path));
    const evaluator = await prepare(options, folder, signal, cleanup);
    if (options.watch) await watchFolder(evaluator);
    else await evaluateCheckpoint(evaluator, options.checkpoint_path);
  });
}

async function prepare(
  options: EvaluationOptions,
  checkpointFolder: string,
  signal: AbortSignal,
  cleanup: Cleanup,
): Promise<Evaluator> {
  const network = await loadNetwork(options.model_name);
  const imageSize = options.eval_image_size ?? options.train_image_size;
  // A split that is all grey is evaluated in colour by a network that was trained in colour.
  const record = await readRunRecord(checkpointFolder);
  const channels = record && decodedChannels(record.dataset.channels);
  const split = await loadSplit(
    options,
    options.dataset_split_name,
    decodedSizeOf(network, { ...options, imageSize }),
    channels,
  );
  const corrected =
    options.labels_file === undefined
      ? split.dataset
      : (await applyLabelsFile(split.dataset, options.labels_file, noteOnce)).dataset;
  const dataset = record ? withKnownClasses(corrected, record.dataset.classes) : corrected;
  if (record === undefined) tellOfClassOrder(dataset);
  // Planted wrong labels are trained on, but not evaluated.
  if (record && !record.flags['label_noise']) tellOfOtherItems(dataset, record, options);
  const input = await networkInput(network, dataset, { ...options, imageSize }, () =>
    recordedVocabulary(checkpointFolder),
  );
  const numClasses = dataset.classNames.length;
  const classifier = await Classifier.open(options, { network, numClasses, input });
  cleanup.add(() => classifier.close());
  const folder = options.eval_dir ?? join(checkpointFolder, evalFolder(options));
  const lock = await lockFolder(folder, '--eval_dir', { signal });
  cleanup.add(() => lock.release());
  await recordSkipped(folder, split);
  const pipeline = new BatchPipeline(dataset, {
    isTraining: false,
    input,
    batchSize: options.batch_size,
    seed: 0,
    numThreads: options.num_preprocessing_threads,
    numReaders: options.num_readers,
  });
  cleanup.add(() => pipeline.close());
  const log = await EvaluationLog.open(folder, ({ message }) => tell(message));
  return { options, dataset, classifier, pipeline, folder, log, signal };
}

/** A folder of its own for each split, so that their curves stay apart. */
function evalFolder({ dataset_split_name }: EvaluationOptions): string {
  return dataset_split_name === 'test' ? 'eval' : `eval_${dataset_split_name}`;
}

/** Evaluates what appears in a folder until it is told to stop. */
async function watchFolder(evaluator: Evaluator): Promise<void> {
  const { options, log, signal } = evaluator;
  while (!signal.aborted) {
    for (const checkpoint of await listCheckpoints(options.checkpoint_path)) {
      if (signal.aborted) return;
      const saved = savedCheckpoint(checkpoint);
      if (saved === null || log.holds(saved)) continue;
      try {
        await evaluateCheckpoint(evaluator, checkpoint);
      } catch (error) {
        if (signal.aborted) return;
        // The run keeps its last checkpoints only: this one went while it was read.
        if (savedCheckpoint(checkpoint) !== null) throw error;
        tell(`${checkpoint} was deleted before it was evaluated`);
      }
    }
    await pause(options.watch_interval_secs, signal);
  }
}

/** @param path  as --checkpoint_path has it */
async function evaluateCheckpoint(evaluator: Evaluator, path: string): Promise<void> {
  const { options, dataset, classifier, pipeline, folder, log, signal } = evaluator;
  const checkpoint = await classifier.restore(path, options.moving_average_decay !== undefined);
  // One that was deleted since is not looked for again.
  const saved = savedCheckpoint(checkpoint) ?? { checkpoint, savedMs: Date.now() };
  const evaluation = await evaluate(classifier.session, dataset, pipeline, {
    maxBatches: options.max_num_batches,
    signal,
  });
  const step = stepOfCheckpoint(checkpoint);
  await insertSummaries(folder, { step, values: await evaluationSummaries(evaluation, step) });
  const { name, split } = dataset;
  const record = { step, dataset: name, split, ...evaluationRecord(evaluation) };
  await log.add(saved, record);
  show(
    options.json
      ? `${JSON.stringify({ checkpoint, ...record })}\n`
      : evaluationText(checkpoint, evaluation, dataset, options.watch),
  );
}

/** For the terminal: one line, before it the tables unless many follow each other. */
function evaluationText(
  checkpoint: string,
  evaluation: Evaluation,
  { name, split }: Dataset,
  isBrief: boolean,
): string {
  const line = `${checkpoint} on ${evaluation.items} items of ${name} ${split}: ${evaluationLine(evaluation)}\n`;
  return isBrief ? line : `${evaluationTables(evaluation)}\n\n${line}`;
}
