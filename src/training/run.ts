/** One run of `losslens train`: puts data, network, engine, log and views together and trains. */
import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import type { InMemoryDataset } from '../../datasets/inMemory.ts';
import { plantLabelErrors, writeLabelNoise } from '../../datasets/labelNoise.ts';
import type { Session } from '../engines/engine.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { UsageError, UserError } from '../errors.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import { encodeGraphDef } from '../graph/graphDef.ts';
import { getNetwork } from '../nets/factory.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import { getPreprocessing } from '../preprocessing/factory.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { restoreRun, saveRun } from './checkpointing.ts';
import { type Evaluation, evaluate, writeEvaluation } from './evaluator.ts';
import { initialValues } from './initialValues.ts';
import { InSituRecorder, type Selection } from './inSituRecorder.ts';
import type { LearningRateOptions } from './learningRate.ts';
import type { OptimizerOptions } from './optimizers.ts';
import { createProgress, durationText } from './progress.ts';
import { writeRunRecord } from './runRecord.ts';
import { stepsPerEpoch, type TrainingResult, train } from './trainer.ts';
import { buildTrainingGraph } from './trainingGraph.ts';

/** What a run is asked to do: the flags of `losslens train`. */
export interface RunOptions extends OptimizerOptions, Omit<LearningRateOptions, 'stepsPerEpoch'> {
  readonly train_dir: string;
  readonly dataset_name: string;
  readonly dataset_dir: string | undefined;
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly num_preprocessing_threads: number;
  readonly train_image_size: number | undefined;
  readonly batch_size: number;
  readonly weight_decay: number;
  readonly label_smoothing: number;
  readonly label_noise: number;
  readonly eval_interval_epochs: number;
  readonly eval_split_name: string;
  readonly max_number_of_steps: number | undefined;
  readonly max_number_of_epochs: number | undefined;
  readonly seed: number;
  readonly hs: string | undefined;
  readonly ns: number;
  readonly hm: readonly string[];
  readonly max_monitored_items: number | undefined;
  readonly log_every_n_steps: number;
  readonly save_summaries_secs: number;
  readonly save_interval_secs: number;
  readonly max_checkpoints: number;
  readonly engine: EngineChoice;
}

/** Exit code of a run that Ctrl-C ended: 128 + SIGINT, as shells have it. */
const interruptedExitCode = 130;

/** Makes the folder of a run. @throws UserError when it cannot be written to */
async function prepareTrainDir(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(
      `--train_dir: cannot write to "${folder}" (${(error as Error).message}); expected a folder of one's own.`,
    );
  }
}

/** An abort signal that Ctrl-C and SIGTERM raise once; the second time they end the process. */
function interruptSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const abort = () => {
    release();
    controller.abort();
  };
  const release = () => {
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
  };
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  return { signal: controller.signal, release };
}

/** The data that is trained on, with the labels that were changed on purpose. */
async function loadTrainingData(
  options: RunOptions,
): Promise<{ dataset: InMemoryDataset; plantedErrors: ReadonlySet<number> | undefined }> {
  const source = await loadDataset({
    name: options.dataset_name,
    folder: options.dataset_dir,
    split: options.dataset_split_name,
  });
  if (options.label_noise === 0) return { dataset: source, plantedErrors: undefined };
  const { dataset, errors } = plantLabelErrors(source, options.label_noise, options.seed);
  await writeLabelNoise(join(options.train_dir, 'label_noise.csv'), errors, dataset.classNames);
  return { dataset, plantedErrors: new Set(errors.map(({ itemIndex }) => itemIndex)) };
}

/**
 * Trains.
 *
 * @returns  the exit code: 0, or 130 when it was interrupted
 * @throws UserError  for what the user can mend
 */
export async function runTraining(options: RunOptions): Promise<number> {
  const network = getNetwork(options.model_name);
  const preprocessingName = options.preprocessing_name ?? network.preprocessingName;
  getPreprocessing(preprocessingName);
  await prepareTrainDir(options.train_dir);
  const { dataset, plantedErrors } = await loadTrainingData(options);
  const side = options.train_image_size ?? network.defaultImageSize;
  const imageShape = [side, side, dataset.imageShape[2]] as const;
  const training = buildTrainingGraph({
    network,
    numClasses: dataset.classNames.length,
    imageShape,
    weightDecay: options.weight_decay,
    labelSmoothing: options.label_smoothing,
    computeType: 'float32',
    optimizer: options,
    selectionLayer: options.hs,
    monitoredLayers: options.hm,
  });
  const { selectionLayer, monitoredLayers } = training;
  if (selectionLayer === null && monitoredLayers.length > 0) {
    throw new UsageError(
      '--hm: layers are shown for selected items; expected --hs to select some.',
    );
  }
  const { engine, reason } = await selectEngine(options.engine);
  const restored = await restoreRun(options.train_dir, training.variables);
  const firstStep = restored?.step ?? 0;
  const perEpoch = stepsPerEpoch(dataset.size, options.batch_size);
  const lastStep = Math.min(
    options.max_number_of_steps ?? Number.POSITIVE_INFINITY,
    (options.max_number_of_epochs ?? Number.POSITIVE_INFINITY) * perEpoch,
  );
  const progress = createProgress(
    process.stderr,
    firstStep,
    lastStep,
    options.batch_size,
    options.log_every_n_steps,
  );
  if (firstStep >= lastStep) {
    progress.close();
    process.stderr.write(
      `${options.train_dir} holds a run of ${firstStep} steps already: ` +
        'raise --max_number_of_steps to go on with it, or name another --train_dir.\n',
    );
    return 0;
  }
  progress.message(`engine: ${engine.name} (${reason})`);
  if (restored !== undefined) progress.message(`resuming ${restored.path}`);

  const session = await engine.load(training.graph, training.signatures);
  session.run('assign', restored?.values ?? initialValues(training.variables, options.seed));
  await writeRunRecord(options.train_dir, {
    flags: { ...options, hs: selectionLayer },
    engine: { name: engine.name, reason },
    dataset: {
      name: dataset.name,
      split: dataset.split,
      items: dataset.size,
      classes: dataset.classNames,
    },
  });
  const pipelineOptions = { preprocessingName, imageShape, seed: options.seed };
  const pipeline = new BatchPipeline(dataset, {
    ...pipelineOptions,
    isTraining: true,
    batchSize: options.batch_size,
    numThreads: options.num_preprocessing_threads,
  });
  const renderer = new ViewRenderer();
  const writer = await EventWriter.create(options.train_dir, firstStep === 0 ? 0 : firstStep + 1);
  const inSitu =
    selectionLayer === null
      ? null
      : new InSituRecorder(
          {
            dataset,
            modelName: options.model_name,
            selectionLayer,
            capacity: options.ns,
            monitoredLayers,
            maxMonitoredItems: options.max_monitored_items ?? 4 * options.ns,
            trainDir: options.train_dir,
            writer,
            renderer,
            plantedErrors,
          },
          restored?.state?.inSitu ?? undefined,
        );
  const evaluation =
    options.eval_interval_epochs === 0
      ? null
      : await PeriodicEvaluation.create(options, session, pipelineOptions);

  const onEpochEnd = async (epoch: number, step: number, selection: Selection | null) => {
    const isLast = step >= lastStep;
    const evaluated =
      evaluation && (isLast || epoch % options.eval_interval_epochs === 0)
        ? await evaluation.run(step)
        : undefined;
    progress.message(epochLine(epoch, selection, evaluated));
  };
  const { signal, release } = interruptSignal();
  try {
    await writer.writeGraph(encodeGraphDef(training.graph));
    const result = await train({
      ...options,
      session,
      dataset,
      pipeline,
      writer,
      progress,
      inSitu,
      learningRate: { ...options, stepsPerEpoch: dataset.size / options.batch_size },
      firstStep,
      lastStep,
      save: (step) =>
        saveRun(
          options.train_dir,
          step,
          session,
          { batchSize: options.batch_size, inSitu: inSitu?.state ?? null },
          options.max_checkpoints,
        ),
      onEpochEnd,
      signal,
    });
    progress.close();
    printReport(options, result, perEpoch, monitoredLayers);
    return result.interrupted ? interruptedExitCode : 0;
  } finally {
    progress.close();
    release();
    await evaluation?.close();
    await pipeline.close();
    await renderer.close();
    await writer.close();
    session.close();
  }
}

/** Evaluates the network in training on another split, now and then. */
class PeriodicEvaluation {
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

/** One line about what an epoch brought. */
function epochLine(
  epoch: number,
  selection: Selection | null,
  evaluation: Evaluation | undefined,
): string {
  const parts: string[] = [];
  if (evaluation !== undefined) {
    parts.push(`accuracy ${evaluation.accuracy.toFixed(4)} on ${evaluation.items} items`);
  }
  const selected = selection?.records.length ?? 0;
  if (selection?.detection !== undefined) {
    const { found, averagePrecision } = selection.detection;
    parts.push(`${found} of ${selected} selected items carry a planted wrong label`);
    parts.push(`average precision ${averagePrecision.toFixed(3)} over all items`);
  } else if (selection !== null) {
    parts.push(`selected ${selected} items`);
  }
  return `epoch ${epoch}: ${parts.join(', ') || 'done'}`;
}

/** What a run leaves behind, and how to look at it. */
function printReport(
  { train_dir, batch_size }: RunOptions,
  { step, steps, seconds, interrupted }: TrainingResult,
  perEpoch: number,
  monitoredLayers: readonly string[],
): void {
  const rate = Math.round((steps * batch_size) / seconds);
  const monitoring = monitoredLayers.length > 0 ? ' and Monitoring Views' : '';
  // A monitored item is seen once an epoch, and so is each Selection View.
  const command = tensorboardCommand(dirname(train_dir), Math.ceil(step / perEpoch));
  process.stderr.write(
    `${interrupted ? 'stopped' : 'done'} after ${step} steps: ${durationText(seconds)}, ${rate} items/s\n` +
      `selected items: ${join(train_dir, 'selection.csv')}\n` +
      `Selection Views${monitoring}: ${command}\n`,
  );
}
