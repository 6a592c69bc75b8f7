/** Evaluations of the network while it trains. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import type { Session } from '../engines/engine.ts';
import { UsageError } from '../errors.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import { evaluationSummaries } from './evaluationReport.ts';
import { type Evaluation, evaluate } from './evaluator.ts';
import { type FolderLock, lockFolder } from './folderLock.ts';
import { averagedValues } from './movingAverages.ts';
import type { RunOptions } from './runOptions.ts';
import { decodedChannels, loadSplit, recordSkipped } from './splits.ts';

/** @throws UsageError  when a split has other classes than the network is trained for */
function expectClasses({ split, classNames }: Dataset, trained: Dataset): void {
  const known = trained.classNames;
  if (classNames.length === known.length && classNames.every((name, i) => name === known[i]))
    return;
  throw new UsageError(
    `--eval_split_name: ${split} has the classes ${classNames.join(', ')}; the network is trained for ${known.join(', ')}. Name the classes of both in labels.txt.`,
  );
}

/** Evaluates the network in training on another split, now and then. */
export class PeriodicEvaluation {
  readonly #session: Session;
  readonly #dataset: Dataset;
  readonly #pipeline: BatchPipeline;
  readonly #writer: EventWriter;
  readonly #lock: FolderLock;
  readonly #ofAverages: boolean;

  private constructor(
    session: Session,
    dataset: Dataset,
    pipeline: BatchPipeline,
    writer: EventWriter,
    lock: FolderLock,
    ofAverages: boolean,
  ) {
    this.#session = session;
    this.#dataset = dataset;
    this.#pipeline = pipeline;
    this.#writer = writer;
    this.#lock = lock;
    this.#ofAverages = ofAverages;
  }

  /**
   * Loads the split; its summaries go to `train_dir/eval`, a run of its own.
   *
   * @param trained    what the network is trained on
   * @param firstStep  first step that may be logged
   * @throws UserError  when the split cannot be read, or has other classes
   */
  static async create(
    options: RunOptions,
    session: Session,
    pipelineOptions: Pick<BatchPipelineOptions, 'preprocessingName' | 'input' | 'seed'>,
    trained: Dataset,
    firstStep: number,
  ): Promise<PeriodicEvaluation> {
    const { preprocessingName, input } = pipelineOptions;
    const split = await loadSplit(
      options,
      options.eval_split_name,
      preprocessingName,
      input.kind === 'images' ? input.shape[0] : null,
      trained.kind === 'images' ? decodedChannels(trained.imageShape[2]) : undefined,
    );
    const { dataset } = split;
    expectClasses(dataset, trained);
    const folder = join(options.train_dir, 'eval');
    const lock = await lockFolder(folder, '--eval_interval_epochs');
    try {
      await recordSkipped(folder, split);
      const pipeline = new BatchPipeline(dataset, {
        ...pipelineOptions,
        isTraining: false,
        batchSize: 100,
        numThreads: 1,
        numReaders: options.num_readers,
      });
      const writer = await EventWriter.create(folder, firstStep);
      const ofAverages = options.moving_average_decay !== undefined;
      return new PeriodicEvaluation(session, dataset, pipeline, writer, lock, ofAverages);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Values of the tag that has most, by plugin. */
  get longestSeries(): Readonly<Record<string, number>> {
    return this.#writer.longestSeries;
  }

  async run(step: number): Promise<Evaluation> {
    const evaluation = this.#ofAverages
      ? await this.#withAverages(() => this.#evaluate())
      : await this.#evaluate();
    await this.#writer.write({ step, values: evaluationSummaries(evaluation, step) });
    await this.#writer.sync();
    return evaluation;
  }

  #evaluate(): Promise<Evaluation> {
    return evaluate(this.#session, this.#dataset, this.#pipeline);
  }

  /** Has the moving averages stand in for the variables meanwhile. */
  async #withAverages<T>(action: () => Promise<T>): Promise<T> {
    const current = this.#session.run('read', {});
    this.#session.run('assign', averagedValues(current));
    try {
      return await action();
    } finally {
      this.#session.run('assign', current);
    }
  }

  async close(): Promise<void> {
    await this.#pipeline.close();
    try {
      await this.#writer.close();
    } finally {
      await this.#lock.release();
    }
  }
}
