/** One run of `losslens evaluate`. */
import { dirname, join } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { getNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { resolveCheckpoint, stepOfCheckpoint } from './checkpoint/checkpoints.ts';
import { readVariables } from './checkpointing.ts';
import { type Evaluation, evaluate, writeEvaluation } from './evaluator.ts';
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
  const network = getNetwork(options.model_name);
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
  const { engine } = await selectEngine(options.engine);
  const session = await engine.load(graph, signatures);
  session.run('assign', values);
  const pipeline = new BatchPipeline(dataset, {
    preprocessingName: options.preprocessing_name ?? network.preprocessingName,
    isTraining: false,
    imageShape,
    batchSize: options.batch_size,
    seed: 0,
    numThreads: options.num_preprocessing_threads,
  });
  try {
    const evaluation = await evaluate(session, dataset, pipeline);
    const { accuracy, recallAt5, items } = evaluation;
    const step = stepOfCheckpoint(checkpoint);
    const writer = await EventWriter.create(
      options.eval_dir ?? join(dirname(checkpoint), 'eval'),
      step,
    );
    await writeEvaluation(writer, step, evaluation);
    await writer.close();
    process.stdout.write(
      `${checkpoint} on ${items} items of ${dataset.name} ${dataset.split}: ` +
        `accuracy ${accuracy.toFixed(4)}, recall at 5 ${recallAt5.toFixed(4)}\n`,
    );
    return evaluation;
  } finally {
    await pipeline.close();
    session.close();
  }
}
