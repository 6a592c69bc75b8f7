/** One run of `losslens evaluate`. */
import { dirname, join } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import { Cleanup } from '../cleanup.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { insertSummaries } from '../events/insertSummaries.ts';
import { loadNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { resolveCheckpoint, stepOfCheckpoint } from './checkpoint/checkpoints.ts';
import { readVariables } from './checkpointing.ts';
import { type Evaluation, evaluate, evaluationSummaries } from './evaluator.ts';
import { lockFolder } from './folderLock.ts';
import { buildPredictionGraph } from './predictionGraph.ts';

/** What an evaluation is asked to do: the flags of `losslens evaluate`. */
export interface EvaluationOptions {
  readonly dataset_name: string;
  readonly dataset_dir: string | undefined;
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly num_preprocessing_threads: number;
  readonly eval_image_size: number | undefined;
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
  const dataset = await loadDataset({
    name: options.dataset_name,
    folder: options.dataset_dir,
    split: options.dataset_split_name,
  });
  const checkpoint = await resolveCheckpoint(options.checkpoint_path);
  const side = options.eval_image_size ?? network.defaultImageSize;
  const imageShape = [side, side, dataset.imageShape[2]] as const;
  const { graph, signatures, variables } = buildPredictionGraph({
    network,
    numClasses: dataset.classNames.length,
    imageShape,
  });
  const values = await readVariables(checkpoint, variables);
  const folder = options.eval_dir ?? join(dirname(checkpoint), 'eval');
  const lock = await lockFolder(folder, '--eval_dir');
  cleanup.add(() => lock.release());
  const { engine } = await selectEngine(options.engine);
  const session = await engine.load(graph, signatures);
  cleanup.add(() => session.close());
  session.run('assign', values);
  const pipeline = new BatchPipeline(dataset, {
    preprocessingName: options.preprocessing_name ?? network.preprocessingName,
    isTraining: false,
    imageShape,
    batchSize: options.batch_size,
    seed: 0,
    numThreads: options.num_preprocessing_threads,
  });
  cleanup.add(() => pipeline.close());
  const evaluation = await evaluate(session, dataset, pipeline);
  const { accuracy, recallAt5, items } = evaluation;
  const step = stepOfCheckpoint(checkpoint);
  await insertSummaries(folder, { step, values: evaluationSummaries(evaluation) });
  process.stdout.write(
    `${checkpoint} on ${items} items of ${dataset.name} ${dataset.split}: ` +
      `accuracy ${accuracy.toFixed(4)}, recall at 5 ${recallAt5.toFixed(4)}\n`,
  );
  return evaluation;
}
