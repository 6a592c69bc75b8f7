/** One run of `losslens evaluate`. */
import { dirname, join } from 'node:path';
import { applyLabelsFile } from '../../datasets/labelsFile.ts';
import { Cleanup } from '../cleanup.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { insertSummaries } from '../events/insertSummaries.ts';
import { loadNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { resolveCheckpoint, stepOfCheckpoint } from './checkpoint/checkpoints.ts';
import { readVariables } from './checkpointing.ts';
import { evaluationLine, evaluationSummaries, evaluationTables } from './evaluationReport.ts';
import { type Evaluation, evaluate } from './evaluator.ts';
import { lockFolder } from './folderLock.ts';
import { imageSideOf, networkInput, recordedVocabulary } from './networkInput.ts';
import { buildPredictionGraph } from './predictionGraph.ts';
import { type DataOptions, loadSplit, recordSkipped } from './splits.ts';

/** What an evaluation is asked to do: the flags of `losslens evaluate`. */
export interface EvaluationOptions extends DataOptions {
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly num_readers: number;
  readonly num_preprocessing_threads: number;
  readonly labels_file: string | undefined;
  readonly use_grayscale: boolean;
  readonly eval_image_size: number | undefined;
  readonly max_sequence_length: number | undefined;
  readonly batch_size: number;
  readonly checkpoint_path: string;
  readonly eval_dir: string | undefined;
  readonly engine: EngineChoice;
}

/**
 * Evaluates a checkpoint: prints accuracy and recall at 5 and writes them as summaries at the
 * checkpoint's step.
 *
 * @throws UserError  for what the user can mend
 */
export async function runEvaluation(options: EvaluationOptions): Promise<Evaluation> {
  const cleanup = new Cleanup();
  try {
    return await evaluateWith(options, cleanup);
  } finally {
    await cleanup.run();
  }
}

async function evaluateWith(options: EvaluationOptions, cleanup: Cleanup): Promise<Evaluation> {
  const network = await loadNetwork(options.model_name);
  const preprocessingName = options.preprocessing_name ?? network.preprocessingName;
  const side = imageSideOf(network, options.eval_image_size);
  const split = await loadSplit(options, options.dataset_split_name, preprocessingName, side);
  const dataset =
    options.labels_file === undefined
      ? split.dataset
      : (await applyLabelsFile(split.dataset, options.labels_file)).dataset;
  const checkpoint = await resolveCheckpoint(options.checkpoint_path);
  const input = await networkInput(
    network,
    dataset,
    { ...options, imageSize: options.eval_image_size },
    () => recordedVocabulary(dirname(checkpoint)),
  );
  const { graph, signatures, variables } = buildPredictionGraph({
    network,
    numClasses: dataset.classNames.length,
    input,
  });
  const values = await readVariables(checkpoint, variables);
  const folder = options.eval_dir ?? join(dirname(checkpoint), 'eval');
  const lock = await lockFolder(folder, '--eval_dir');
  cleanup.add(() => lock.release());
  await recordSkipped(folder, split);
  const { engine } = await selectEngine(options.engine);
  const session = await engine.load(graph, signatures);
  cleanup.add(() => session.close());
  session.run('assign', values);
  const pipeline = new BatchPipeline(dataset, {
    preprocessingName,
    isTraining: false,
    input,
    batchSize: options.batch_size,
    seed: 0,
    numThreads: options.num_preprocessing_threads,
    numReaders: options.num_readers,
  });
  cleanup.add(() => pipeline.close());
  const evaluation = await evaluate(session, dataset, pipeline);
  const step = stepOfCheckpoint(checkpoint);
  await insertSummaries(folder, { step, values: await evaluationSummaries(evaluation, step) });
  process.stdout.write(
    `${evaluationTables(evaluation)}\n\n` +
      `${checkpoint} on ${evaluation.items} items of ${dataset.name} ${dataset.split}: ${evaluationLine(evaluation)}\n`,
  );
  return evaluation;
}
