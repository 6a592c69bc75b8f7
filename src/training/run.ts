/** One run of `losslens train`: puts data, network, engine, log and views together and trains. */
import { access, constants, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import type { Session } from '../engines/engine.ts';
import { type EngineChoice, selectEngine } from '../engines/select.ts';
import { UserError } from '../errors.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import { encodeGraphDef } from '../graph/graphDef.ts';
import { getNetwork } from '../nets/factory.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { restoreRun, saveRun } from './checkpointing.ts';
import { initialValues } from './initialValues.ts';
import { InSituRecorder, type Selection } from './inSituRecorder.ts';
import type { LearningRateOptions } from './learningRate.ts';
import type { OptimizerOptions } from './optimizers.ts';
import { createProgress, durationText } from './progress.ts';
import { writeRunRecord } from './runRecord.ts';
import { stepsPerEpoch, train } from './trainer.ts';
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

/**
 * Trains.
 *
 * @returns  the exit code: 0, or 130 when it was interrupted
 * @throws UserError  for what the user can mend
 */
export async function runTraining(options: RunOptions): Promise<number> {
  const network = getNetwork(options.model_name);
  const dataset = await loadDataset({
    name: options.dataset_name,
    folder: options.dataset_dir,
    split: options.dataset_split_name,
  });
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
  const { engine, reason } = await selectEngine(options.engine);
  await prepareTrainDir(options.train_dir);
  const session = await engine.load(training.graph, training.signatures);

  const restored = await restoreRun(options.train_dir, training.variables);
  session.run('assign', restored?.values ?? initialValues(training.variables, options.seed));
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
  progress.message(`engine: ${engine.name} (${reason})`);
  if (restored !== undefined) progress.message(`resuming ${restored.path}`);
  await writeRunRecord(options.train_dir, {
    flags: { ...options, hs: training.selectionLayer },
    engine: { name: engine.name, reason },
    dataset: {
      name: dataset.name,
      split: dataset.split,
      items: dataset.size,
      classes: dataset.classNames,
    },
  });

  const pipeline = new BatchPipeline(dataset, {
    preprocessingName: options.preprocessing_name ?? network.preprocessingName,
    isTraining: true,
    imageShape,
    batchSize: options.batch_size,
    seed: options.seed,
    numThreads: options.num_preprocessing_threads,
  });
  const renderer = new ViewRenderer();
  const writer = await EventWriter.create(options.train_dir, firstStep === 0 ? 0 : firstStep + 1);
  await writer.writeGraph(encodeGraphDef(training.graph));
  const { selectionLayer } = training;
  const inSitu =
    selectionLayer === null
      ? null
      : new InSituRecorder(
          {
            dataset,
            modelName: options.model_name,
            selectionLayer,
            capacity: options.ns,
            monitoredLayers: training.monitoredLayers,
            maxMonitoredItems: options.max_monitored_items ?? 4 * options.ns,
            trainDir: options.train_dir,
            writer,
            renderer,
            hasPlantedError: undefined,
          },
          restored?.state?.inSitu ?? undefined,
        );
  const save = (step: number) =>
    saveRun(
      options.train_dir,
      step,
      session,
      { batchSize: options.batch_size, inSitu: inSitu?.state ?? null },
      options.max_checkpoints,
    );

  const { signal, release } = interruptSignal();
  try {
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
      save,
      onSelection: (epoch, selection) => progress.message(selectionLine(epoch, selection)),
      signal,
    });
    progress.close();
    const rate = Math.round((result.steps * options.batch_size) / result.seconds);
    progress.message(
      `${result.interrupted ? 'stopped' : 'done'} after ${result.step} steps: ` +
        `${durationText(result.seconds)}, ${rate} items/s`,
    );
    progress.message(
      `see it: ${tensorboardCommand(dirname(options.train_dir), Math.ceil(result.step / perEpoch))}`,
    );
    return result.interrupted ? interruptedExitCode : 0;
  } finally {
    release();
    await closeAll(pipeline, renderer, writer, session);
  }
}

async function closeAll(
  pipeline: BatchPipeline,
  renderer: ViewRenderer,
  writer: EventWriter,
  session: Session,
): Promise<void> {
  await pipeline.close();
  await renderer.close();
  await writer.close();
  session.close();
}

/** One line about an epoch's selection. */
function selectionLine(epoch: number, { records, plantedErrors }: Selection): string {
  const planted =
    plantedErrors === undefined
      ? ''
      : `; ${plantedErrors} of ${records.length} carry a planted wrong label`;
  return `epoch ${epoch}: selected ${records.length} items${planted}`;
}
