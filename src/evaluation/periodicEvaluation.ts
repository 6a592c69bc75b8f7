/** Evaluations of the network while it trains. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import type { DecodedSize } from '../../datasets/imageStore.ts';
import { UnknownSplitError } from '../../datasets/unknownSplitError.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Session } from '../engines/engine.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { lockFolder } from '../files/folderLock.ts';
import { withKnownClasses } from '../input/knownClasses.ts';
import {
  type DataOptions,
  decodedChannels,
  loadSplit,
  recordSkipped,
  type Split,
} from '../input/splits.ts';
import { FeatureStore, type FeatureStoreOptions, featuresFile } from '../model/featureStore.ts';
import { FrozenFeatures } from '../model/frozenFeatures.ts';
import { averagedValues } from '../model/movingAverages.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import type { LostWrites } from '../recording/lostWrites.ts';
import { lostEvents, RunLog } from '../recording/runLog.ts';
import { accuracyTag, evaluationSummaries } from './evaluationReport.ts';
import { type Evaluation, evaluate } from './evaluator.ts';

/** The flags that decide on it. */
export interface PeriodicEvaluationOptions extends DataOptions {
  readonly train_dir: string;
  readonly eval_split_name: string;
  readonly num_readers: number;
  /** undefined when no averages are kept; they are evaluated where they are. */
  readonly moving_average_decay: number | undefined;
}

/**
 * Loads the split that --eval_interval_epochs evaluates.
 *
 * @param size     that compressed images are decoded to
 * @param trained  what the network is trained on
 * @throws UserError  when the split cannot be read, or has items of other classes
 */
export async function loadEvaluationSplit(
  options: PeriodicEvaluationOptions,
  size: DecodedSize | undefined,
  trained: Dataset,
): Promise<Split> {
  const split = await loadSplit(
    options,
    options.eval_split_name,
    size,
    trained.kind === 'images' ? decodedChannels(trained.imageShape[2]) : undefined,
  ).catch((error: Error) => {
    throw error instanceof UnknownSplitError ? error.askedForBy('--eval_split_name') : error;
  });
  const dataset = withKnownClasses(
    split.dataset,
    trained.classNames,
    'Evaluate on another split, or train with them.',
    '--eval_split_name',
  );
  return { ...split, dataset };
}

/** Evaluates the network in training on another split, now and then. */
export class PeriodicEvaluation {
  readonly #session: Session;
  readonly #dataset: Dataset;
  readonly #pipeline: BatchPipeline;
  readonly #log: RunLog;
  readonly #ofAverages: boolean;
  readonly #features: FrozenFeatures | undefined;

  private constructor(
    session: Session,
    dataset: Dataset,
    pipeline: BatchPipeline,
    log: RunLog,
    ofAverages: boolean,
    features: FrozenFeatures | undefined,
  ) {
    this.#session = session;
    this.#dataset = dataset;
    this.#pipeline = pipeline;
    this.#log = log;
    this.#ofAverages = ofAverages;
    this.#features = features;
  }

  /**
   * Opens `train_dir/eval`, a run of its own, for the summaries.
   *
   * @param split      from `loadEvaluationSplit`
   * @param firstStep  first step that may be logged
   * @param kept       what is kept of the frozen part of the network; null for nothing
   * @param lost       gets what cannot be written later
   * @param cleanup    gets what closes what was opened
   * @throws UserError  when the folder cannot be written to, or another process writes to it
   */
  static async open(
    options: PeriodicEvaluationOptions,
    session: Session,
    pipelineOptions: Pick<BatchPipelineOptions, 'input' | 'seed'>,
    split: Split,
    firstStep: number,
    kept: FeatureStoreOptions | null,
    lost: LostWrites,
    cleanup: Cleanup,
  ): Promise<PeriodicEvaluation> {
    const { dataset } = split;
    const folder = join(options.train_dir, 'eval');
    const lock = await lockFolder(folder, '--eval_interval_epochs');
    cleanup.add(() => lock.release());
    await recordSkipped(folder, split);
    const writer = await EventWriter.create(folder, firstStep, lostEvents(lost));
    cleanup.add(() => writer.close());
    const pipeline = new BatchPipeline(dataset, {
      ...pipelineOptions,
      isTraining: false,
      batchSize: 100,
      numThreads: 1,
      numReaders: options.num_readers,
    });
    cleanup.add(() => pipeline.close());
    const ofAverages = options.moving_average_decay !== undefined;
    const store = kept && FeatureStore.open(kept, join(folder, featuresFile));
    cleanup.add(() => store?.close());
    const features = store
      ? new FrozenFeatures(session, 'predict_features', store, lost.addUnkept)
      : undefined;
    return new PeriodicEvaluation(
      session,
      dataset,
      pipeline,
      new RunLog(writer),
      ofAverages,
      features,
    );
  }

  /** Values of the tag that has most, by plugin. */
  get longestSeries(): Readonly<Record<string, number>> {
    return this.#log.longestSeries;
  }

  /** Whether the evaluation after so many steps is in the log. */
  holds(step: number): boolean {
    return this.#log.holds(accuracyTag, step);
  }

  /**
   * Evaluates after so many steps.
   *
   * @param signal  ends it before its end
   * @returns       undefined when it did
   */
  async run(step: number, signal: AbortSignal): Promise<Evaluation | undefined> {
    let evaluation: Evaluation;
    try {
      signal.throwIfAborted();
      evaluation = this.#ofAverages
        ? await this.#withAverages(() => this.#evaluate(signal))
        : await this.#evaluate(signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
    await this.#log.write(step, await evaluationSummaries(evaluation, step));
    await this.#log.sync();
    return evaluation;
  }

  #evaluate(signal: AbortSignal): Promise<Evaluation> {
    return evaluate(this.#session, this.#dataset, this.#pipeline, {
      signal,
      features: this.#features,
    });
  }

  /** Has the moving averages stand in for the variables meanwhile. */
  async #withAverages<T>(action: () => Promise<T>): Promise<T> {
    const current = await this.#session.run('read', {});
    await this.#session.run('assign', averagedValues(current));
    try {
      return await action();
    } finally {
      await this.#session.run('assign', current);
    }
  }
}
