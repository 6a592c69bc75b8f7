/** Evaluations of the network while it trains. */
import { join } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import type { InMemoryDataset } from '../../datasets/inMemory.ts';
import type { Session } from '../engines/engine.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import { type Evaluation, evaluate, writeEvaluation } from './evaluator.ts';
import type { RunOptions } from './runOptions.ts';

/** Evaluates the network in training on another split, now and then. */
export class PeriodicEvaluation {
  readonly #session: Session;
  readonly #dataset: InMemoryDataset;
  readonly #pipeline: BatchPipeline;
  readonly #writer: EventWriter;

  private constructor(
    session: Session,
    dataset: InMemoryDataset,
    pipeline: BatchPipeline,
    writer: EventWriter,
  ) {
    this.#session = session;
    this.#dataset = dataset;
    this.#pipeline = pipeline;
    this.#writer = writer;
  }

  /** Loads the split; its summaries go to `train_dir/eval`, a run of its own. */
  static async create(
    options: RunOptions,
    session: Session,
    pipelineOptions: Pick<BatchPipelineOptions, 'preprocessingName' | 'imageShape' | 'seed'>,
  ): Promise<PeriodicEvaluation> {
    const dataset = await loadDataset({
      name: options.dataset_name,
      folder: options.dataset_dir,
      split: options.eval_split_name,
    });
    const pipeline = new BatchPipeline(dataset, {
      ...pipelineOptions,
      isTraining: false,
      batchSize: 100,
      numThreads: 1,
    });
    const writer = await EventWriter.create(join(options.train_dir, 'eval'), 0);
    return new PeriodicEvaluation(session, dataset, pipeline, writer);
  }

  async run(step: number): Promise<Evaluation> {
    const evaluation = await evaluate(this.#session, this.#dataset, this.#pipeline);
    await writeEvaluation(this.#writer, step, evaluation);
    return evaluation;
  }

  async close(): Promise<void> {
    await this.#pipeline.close();
    await this.#writer.close();
  }
}
