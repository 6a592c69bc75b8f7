/** One run of `losslens train`: puts data, network, engine, log and views together and trains. */
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { latestCheckpoint, resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { Cleanup } from '../cleanup.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { createProgress } from '../console/progress.ts';
import type { Engine } from '../engines/engine.ts';
import { choosePrecision, type Precision } from '../engines/precision.ts';
import { selectEngine } from '../engines/select.ts';
import { UsageError } from '../errors.ts';
import { loadEvaluationSplit, PeriodicEvaluation } from '../evaluation/periodicEvaluation.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { hparamsEndSummary, hparamsStartSummary } from '../events/hparams.ts';
import { longestOf } from '../events/series.ts';
import { lockFolder } from '../files/folderLock.ts';
import { dropLinesAfter } from '../files/jsonLines.ts';
import { encodeGraphDef } from '../graph/graphDef.ts';
import { networkInput, trainingVocabulary } from '../input/networkInput.ts';
import { loadTrainingData, recordTrainingData } from '../input/trainingData.ts';
import { epsilonOf } from '../model/optimizers.ts';
import { buildTrainingGraph, type TrainingGraph } from '../model/trainingGraph.ts';
import { loadNetwork } from '../nets/factory.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { checkPreprocessing } from '../preprocessing/factory.ts';
import type { ItemInput } from '../preprocessing/itemInput.ts';
import { vocabularyFile, writeVocabulary } from '../preprocessing/vocabulary.ts';
import { reportDetection } from '../recording/detectionReport.ts';
import { InSituRecorder, type Selection } from '../recording/inSituRecorder.ts';
import { monitoringFile } from '../recording/itemMonitor.ts';
import { writeSelectionEmbedding } from '../recording/selectionEmbedding.ts';
import { readRunRecord, writeRunRecord } from '../runFiles/runRecord.ts';
import { selectionsFile } from '../runFiles/selectionFiles.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { saveRun } from './checkpointing.ts';
import { hyperparametersOf } from './hyperparameters.ts';
import type { RunOptions } from './runOptions.ts';
import { epochLine, followLine, printReport } from './runReport.ts';
import { digestOf, findStartingPoint } from './startingPoint.ts';
import { stepsPerEpoch, train } from './trainer.ts';

/** What the network takes of each item, as the flags ask for it. */
function inputOf(
  options: RunOptions,
  network: NetworkDefinition,
  dataset: Dataset,
): Promise<ItemInput> {
  const { train_dir, checkpoint_path, vocabulary_size, train_image_size: imageSize } = options;
  return networkInput(network, dataset, { ...options, imageSize }, async () => {
    const own = await latestCheckpoint(train_dir);
    const checkpoint = own ?? (checkpoint_path && (await resolveCheckpoint(checkpoint_path)));
    return trainingVocabulary(checkpoint, dataset, vocabulary_size);
  });
}

/** What is computed in. A run that goes on keeps to what it began with, unless another is asked for. */
async function precisionOf(
  { precision, train_dir }: RunOptions,
  engine: Engine,
): Promise<Precision> {
  const goesOn = precision === 'auto' && (await latestCheckpoint(train_dir)) !== undefined;
  const record = goesOn ? await readRunRecord(train_dir) : undefined;
  return choosePrecision(precision, engine, record?.precision.computeType);
}

/** The graph that the flags ask for. @throws UsageError when they do not fit together */
function buildGraph(
  options: RunOptions,
  network: NetworkDefinition,
  dataset: Dataset,
  input: ItemInput,
  { computeType }: Precision,
): TrainingGraph {
  const training = buildTrainingGraph({
    network,
    numClasses: dataset.classNames.length,
    input,
    weightDecay: options.weight_decay,
    labelSmoothing: options.label_smoothing,
    computeType,
    optimizer: options,
    trainableScopes: options.trainable_scopes,
    movingAverages: options.moving_average_decay !== undefined,
    selectionLayer: options.hs,
    monitoredLayers: options.hm,
  });
  if (training.selectionLayer === null && training.monitoredLayers.length > 0) {
    throw new UsageError(
      '--hm: layers are shown for selected items; expected --hs to select some.',
    );
  }
  return training;
}

/**
 * Trains.
 *
 * @returns  the exit code: 0, or 128 plus the number of the signal that interrupted it
 * @throws UserError  for what the user can mend
 */
export async function runTraining(options: RunOptions): Promise<number> {
  const cleanup = new Cleanup();
  try {
    return await trainWith(options, cleanup);
  } finally {
    await cleanup.run();
  }
}

async function trainWith(options: RunOptions, cleanup: Cleanup): Promise<number> {
  const network = await loadNetwork(options.model_name);
  const preprocessingName = options.preprocessing_name ?? network.preprocessingName;
  checkPreprocessing(preprocessingName, network.takes ?? 'images');
  const lock = await lockFolder(options.train_dir, '--train_dir');
  cleanup.add(() => lock.release());
  const data = await loadTrainingData(options);
  const { dataset, plantedErrors } = data;
  const { engine, reason } = await selectEngine(options.engine, options.clone_on_cpu);
  const precision = await precisionOf(options, engine);
  const input = await inputOf(options, network, dataset);
  const pipelineOptions = { preprocessingName, input, seed: options.seed };
  const training = buildGraph(options, network, dataset, input, precision);
  const { selectionLayer, monitoredLayers } = training;
  const start = await findStartingPoint(options, training, dataset);
  const firstStep = start.step;
  const perEpoch = stepsPerEpoch(dataset.items.length, options.batch_size);
  const lastStep = Math.min(
    options.max_number_of_steps ?? Number.POSITIVE_INFINITY,
    (options.max_number_of_epochs ?? Number.POSITIVE_INFINITY) * perEpoch,
  );
  if (firstStep >= lastStep) {
    process.stderr.write(
      `${options.train_dir} holds a run of ${firstStep} steps already: ` +
        'raise --max_number_of_steps to go on with it, or name another --train_dir.\n',
    );
    return 0;
  }
  const evaluationSplit =
    options.eval_interval_epochs === 0
      ? null
      : await loadEvaluationSplit(options, pipelineOptions, dataset);
  // From here on files are written.
  await recordTrainingData(options, data);
  if (input.kind === 'texts') {
    await writeVocabulary(join(options.train_dir, vocabularyFile), input.vocabulary);
  }
  const progress = createProgress(
    process.stderr,
    firstStep,
    lastStep,
    options.batch_size,
    options.log_every_n_steps,
  );
  cleanup.add(() => progress.close());
  progress.message(`engine: ${engine.name} (${reason})`);
  progress.message(`precision: ${precision.computeType} (${precision.reason})`);
  for (const message of start.messages) progress.message(message);
  progress.message(followLine(options, lastStep, perEpoch));

  const session = await engine.load(training.graph, training.signatures);
  cleanup.add(() => session.close());
  session.run('assign', start.values);
  const flags = {
    ...options,
    hs: selectionLayer ?? '',
    preprocessing_name: preprocessingName,
    opt_epsilon: epsilonOf(options),
  };
  await writeRunRecord(options.train_dir, {
    flags,
    engine: { name: engine.name, reason },
    precision,
    dataset: {
      name: dataset.name,
      split: dataset.split,
      items: dataset.items.length,
      classes: dataset.classNames,
      ...(dataset.kind === 'images' ? { channels: dataset.imageShape[2] } : {}),
    },
  });
  const pipeline = new BatchPipeline(dataset, {
    ...pipelineOptions,
    isTraining: true,
    batchSize: options.batch_size,
    numThreads: options.num_preprocessing_threads,
    numReaders: options.num_readers,
  });
  cleanup.add(() => pipeline.close());
  const renderer = new ViewRenderer({
    colormap: options.colormap,
    scale: options.view_scale,
    overlay: options.monitor_overlay,
  });
  cleanup.add(() => renderer.close());
  const firstLogged = firstStep === 0 ? 0 : firstStep + 1;
  const writer = await EventWriter.create(options.train_dir, firstLogged);
  cleanup.add(() => writer.close());
  const planted = plantedErrors && new Set(plantedErrors.map(({ itemIndex }) => itemIndex));
  // What a crash left behind of steps that are done again.
  for (const name of [selectionsFile, monitoringFile]) {
    await dropLinesAfter(join(options.train_dir, name), firstStep);
  }
  const inSitu =
    selectionLayer === null
      ? null
      : new InSituRecorder(
          {
            dataset,
            modelName: networkTitle(options.model_name),
            selectionLayer,
            rankBy: options.rank_by,
            capacity: options.ns,
            classQuota: options.class_quota ?? Number.POSITIVE_INFINITY,
            monitoredLayers,
            maxMonitoredItems: options.max_monitored_items ?? 4 * options.ns,
            colorScale: options.color_scale,
            trainDir: options.train_dir,
            writer,
            renderer,
            plantedErrors: planted,
          },
          start.state?.inSitu ?? undefined,
        );
  const evaluation =
    evaluationSplit &&
    (await PeriodicEvaluation.create(
      options,
      session,
      pipelineOptions,
      evaluationSplit,
      firstLogged,
    ));
  cleanup.add(() => evaluation?.close());

  const onEpochEnd = async (epoch: number, step: number, selection: Selection | null) => {
    const isLast = step >= lastStep;
    // Who interrupts a run in the middle of an epoch does not wait for an evaluation.
    const isDue = step % perEpoch === 0 && epoch % options.eval_interval_epochs === 0;
    const evaluated = evaluation && (isLast || isDue) ? await evaluation.run(step) : undefined;
    progress.message(epochLine(epoch, selection, evaluated));
  };
  const { signal, release } = interruptSignal((name) =>
    progress.message(`${name}: stopping after this step; once more ends it at once`),
  );
  cleanup.add(release);
  await writer.writeGraph(encodeGraphDef(training.graph));
  if (firstStep === 0) {
    const hparams = hyperparametersOf({ ...flags, precision: precision.computeType });
    await writer.write({ step: 0, values: [hparamsStartSummary(hparams, Date.now() / 1000)] });
  }
  const dataDigest = digestOf(dataset);
  const result = await train({
    ...options,
    session,
    dataset,
    pipeline,
    writer,
    progress,
    inSitu,
    variables: training.modelVariables.map(({ name }) => name),
    learningRate: { ...options, stepsPerEpoch: dataset.items.length / options.batch_size },
    firstStep,
    lastStep,
    save: async (step) => {
      await saveRun(
        options.train_dir,
        step,
        session,
        {
          batchSize: options.batch_size,
          seed: options.seed,
          sourceSize: dataset.size,
          dataDigest,
          inSitu: inSitu?.state ?? null,
        },
        options.max_checkpoints,
      );
      await inSitu?.writeItems();
    },
    onEpochEnd,
    signal,
  });
  await inSitu?.end(result.step);
  if (inSitu && selectionLayer !== null && options.projector_items > 0) {
    await writeSelectionEmbedding({
      session,
      dataset,
      pipeline: pipelineOptions,
      selectionLayer,
      selected: inSitu.selected,
      plantedErrors: planted,
      randomItems: options.projector_items,
      trainDir: options.train_dir,
      step: result.step,
    });
  }
  const expectation =
    inSitu && planted !== undefined && planted.size > 0
      ? await reportDetection({
          table: inSitu.table,
          plantedErrors: planted,
          noise: `${100 * options.label_noise} % ${options.label_noise_type}`,
          rankBy: options.rank_by,
          trainDir: options.train_dir,
          writer,
          step: result.step,
        })
      : undefined;
  // TensorBoard keeps the first end that it reads of a run: an interrupted one has none yet.
  if (!result.interrupted) {
    await writer.write({ step: result.step, values: [hparamsEndSummary(Date.now() / 1000)] });
  }
  progress.close();
  const longest = longestOf(writer.longestSeries, evaluation?.longestSeries ?? {});
  printReport(options, result, longest, training, expectation);
  return result.interrupted ? 128 + constants.signals[signal.reason as NodeJS.Signals] : 0;
}
