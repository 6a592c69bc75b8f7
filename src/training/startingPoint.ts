/** Where a run begins: at its own latest checkpoint, at the weights of another one, or at new ones. */
import { basename, dirname } from 'node:path';
import { isDigestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import {
  latestDamage,
  listCheckpoints,
  listKilledCheckpoint,
  openCheckpoint,
  readLatest,
  unlistedCheckpoints,
} from '../checkpoint/checkpoints.ts';
import { readVariables } from '../checkpoint/variables.ts';
import type { HostTensor } from '../engines/engine.ts';
import { itemsPerStep } from '../epochs.ts';
import { UsageError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { areNumbers } from '../input/knownClasses.ts';
import { headScopes, isWithin, scopeOf } from '../model/head.ts';
import { initialValues } from '../model/initialValues.ts';
import { beginAverages } from '../model/movingAverages.ts';
import { inScopes } from '../model/scopes.ts';
import type { TrainingGraph } from '../model/trainingGraph.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { type RestoredRun, type RunState, restoreRun } from './checkpointing.ts';
import { changeTexts, resumedChanges } from './resumedFlags.ts';
import type { StartingPointOptions } from './runOptions.ts';

/** What a run begins with. */
export interface StartingPoint {
  /** Steps done before. */
  readonly step: number;
  /** Gives those of all variables, by name; new ones are drawn then. */
  readonly values: () => Record<string, HostTensor>;
  /** undefined when no state of losslens' own goes with them. */
  readonly state: RunState | undefined;
  /** Prefix of the run's own checkpoint that it goes on from; undefined for a new run. */
  readonly checkpoint: string | undefined;
  /** For the console: where the values come from. */
  readonly messages: readonly string[];
}

/** What a run begins with that goes on from no checkpoint of its own. */
const newRun = { step: 0, state: undefined, checkpoint: undefined };

/**
 * Finds where a run begins.
 *
 * @param record  of the run's earlier starts; undefined for none
 * @throws UserError  for a checkpoint that cannot be read or does not fit the graph
 */
export async function findStartingPoint(
  options: StartingPointOptions,
  graph: TrainingGraph,
  dataset: Dataset,
  record: RunRecord | undefined,
): Promise<StartingPoint> {
  const { variables } = graph;
  const { train_dir, checkpoint_path, seed } = options;
  await listKilledCheckpoint(train_dir);
  const restored = await restoreRun(train_dir, variables, (run) =>
    expectSameRun(run, options, dataset, record),
  ).catch(async (error: Error) => {
    throw error instanceof UsageError ? error : ((await latestDamage(train_dir)) ?? error);
  });
  if (restored !== undefined) {
    const messages = [`resuming ${restored.path}`];
    const listed = (await listCheckpoints(train_dir)).at(-1)!;
    if (listed !== restored.path) {
      messages.push(
        `the file "checkpoint" names ${basename(listed)}, but ${listed}.index is not there: this one is taken in its place`,
      );
    }
    if (restored.state === undefined) {
      messages.push(
        'it holds no selection and scores of this version of losslens: these begin anew',
      );
    }
    if (checkpoint_path !== undefined) {
      messages.push(`--checkpoint_path is ignored: ${train_dir} holds a checkpoint of its own`);
    }
    const { step, state, path, values } = restored;
    const changes = changeTexts(continuedChanges(record, options));
    if (changes.length > 0) messages.push(`other flags from here on: ${changes.join(', ')}`);
    return { step, state, values: () => values, checkpoint: path, messages };
  }
  await expectNothingLost(train_dir);
  if (checkpoint_path === undefined) {
    const values = () => beginAverages(initialValues(variables, seed));
    return { ...newRun, values, messages: untrainedMessages(options, graph) };
  }
  const { values, messages } = await readLatest(checkpoint_path, (checkpoint) =>
    warmStart(checkpoint, options, graph, dataset.classNames),
  );
  const withInitial = () => beginAverages({ ...initialValues(variables, seed), ...values });
  return { ...newRun, values: withInitial, messages };
}

/** @throws UsageError  where a folder that has no checkpoint to go on from had one: a new run would replace its files */
async function expectNothingLost(folder: string): Promise<void> {
  const unlisted = (await unlistedCheckpoints(folder)).at(-1);
  if (unlisted !== undefined) {
    throw new UsageError(
      `--train_dir: "${folder}" holds ${unlisted}, but no file "checkpoint" that names it; expected both or neither. To go on from it, write the line model_checkpoint_path: "${unlisted}" into that file; to begin anew, name another folder.`,
    );
  }
  const lost = (await listCheckpoints(folder)).at(-1);
  if (lost !== undefined) {
    throw new UsageError(
      `--train_dir: the file "checkpoint" of "${folder}" names ${basename(lost)}, but ${lost}.index is not there; expected both or neither. Put it back, or name another folder to begin anew.`,
    );
  }
}

/** A line for who leaves layers as they are that no checkpoint gives: they are of no use but as they are drawn. */
function untrainedMessages(
  { trainable_scopes }: StartingPointOptions,
  { modelVariables, headScopes: head }: TrainingGraph,
): string[] {
  const trainable = modelVariables.filter((variable) => variable.trainable);
  const trained = inScopes(trainable, trainable_scopes, head);
  const untrained = trainable.filter((variable) => !trained.includes(variable));
  if (untrained.length === 0) return [];
  return [
    `--trainable_scopes: without --checkpoint_path ${untrained.length} of ${trainable.length} variables stay as they are drawn at random, such as ${untrained[0]!.name}`,
  ];
}

/** What a run that goes on has otherwise from now on, and may. */
function continuedChanges(record: RunRecord | undefined, options: StartingPointOptions) {
  const now = { ...options };
  const before = record?.flags ?? now;
  // That its data are the same is known by now.
  return { ...resumedChanges(before, now, 'data'), ...resumedChanges(before, now, 'continued') };
}

/** @throws UsageError  naming all by which a run that is to go on would be another one */
function expectSameRun(
  { path, step, state }: Omit<RestoredRun, 'values'>,
  options: StartingPointOptions,
  dataset: Dataset,
  record: RunRecord | undefined,
): void {
  const now = { ...options };
  const before = { ...(record?.flags ?? now), ...(state && { seed: state.seed }) };
  const differences = [
    ...changeTexts(resumedChanges(before, now, 'other run')),
    ...stepDifferences(state, options),
    ...dataDifferences(state, dataset, before, now),
    ...classDifferences(record, dataset),
  ];
  if (differences.length === 0) return;
  throw new UsageError(
    `--train_dir: the run of ${path}, ${step} steps, cannot go on with ${differences.join(', ')}; expected what was there before. Give that, or another --train_dir and this one as --checkpoint_path.`,
  );
}

/** How the steps that an epoch is divided into differ from those of a run. */
function stepDifferences(state: RunState | undefined, options: StartingPointOptions): string[] {
  const items = itemsPerStep(options);
  const ofWorkers = (options.worker_hosts?.length ?? 0) > 1 ? ' of all workers' : '';
  return state === undefined || state.batchSize === items
    ? []
    : [
        `steps of ${items} items${ofWorkers} by --batch_size and --num_clones (were ${state.batchSize})`,
      ];
}

/** How items and labels differ from those of a run, and the flags that may be why. */
function dataDifferences(
  state: RunState | undefined,
  dataset: Dataset,
  before: RunRecord['flags'],
  now: RunRecord['flags'],
): string[] {
  if (state === undefined) return [];
  const isOfSize = state.sourceSize === dataset.size;
  if (isOfSize && isDigestOf(state.dataDigest, dataset)) return [];
  const changes = resumedChanges(before, now, 'data');
  const file = changes['labels_file'] === undefined && now['labels_file'];
  const what = isOfSize
    ? `other items or labels${file ? ` (has --labels_file=${file} changed?)` : ''}`
    : `data of ${dataset.size} items (were ${state.sourceSize})`;
  return [what, ...changeTexts(changes)];
}

/** Another number of classes, or the first one that has another name than before, and with it is another one. */
function classDifferences(record: RunRecord | undefined, { classNames }: Dataset): string[] {
  const trained = record?.dataset.classes ?? classNames;
  if (trained.length !== classNames.length) {
    return [`${classNames.length} classes (were ${trained.length})`];
  }
  const label = classNames.findIndex((name, i) => name !== trained[i]);
  return label < 0 ? [] : [`class ${label} ${classNames[label]} (was ${trained[label]})`];
}

/**
 * Makes sure that the weights of each class are those of the class of its name in the run of a checkpoint.
 *
 * @param taken    the variables that the checkpoint gives
 * @param trained  names of that run's classes by label
 * @returns        a line where one of both has no names, so that positions have to do
 * @throws UsageError  with the scope to exclude
 */
function expectSameHead(
  checkpoint: string,
  taken: readonly Variable[],
  trained: readonly string[],
  classNames: readonly string[],
): readonly string[] {
  const scope = headScopes({}, taken, classNames.length)[0];
  const label = classNames.findIndex((name, i) => name !== trained[i]);
  // Of another number of classes, the shapes differ, too.
  if (scope === undefined || label < 0 || trained.length !== classNames.length) return [];
  if (areNumbers(trained) || areNumbers(classNames)) {
    return [`classes without names: the weights ${scope} of the logits are taken by number`];
  }
  throw new UsageError(
    `--checkpoint_path: class ${label} of the data is ${classNames[label]}; for the run of ${checkpoint} it is ${trained[label]}. Leave the weights of its classes out with --checkpoint_exclude_scopes=${scope}, or name the classes in its order in labels.txt of the data.`,
  );
}

/**
 * The layers that a checkpoint has for another number of classes: there all variables differ in their last
 * size alone, all by the same two numbers.
 *
 * @param shapes  of the checkpoint, by name
 */
function layersOfOtherClasses(
  variables: readonly Variable[],
  shapes: ReadonlyMap<string, readonly number[]>,
  numClasses: number,
): { readonly scopes: ReadonlySet<string>; readonly found: number } | undefined {
  const differing = variables.filter(({ name, shape }) => {
    const found = shapes.get(name);
    return found !== undefined && String(found) !== String(shape);
  });
  const scopes = new Set(differing.map(({ name }) => scopeOf(name)));
  const layers = variables.filter(({ name }) => scopes.has(scopeOf(name)) && shapes.has(name));
  const found = shapes.get(layers[0]?.name ?? '')?.at(-1);
  const areOfClasses = layers.every(({ name, shape }) => {
    const other = shapes.get(name)!;
    const isOfClasses = shape.at(-1) === numClasses && other.at(-1) === found;
    return isOfClasses && String(other.slice(0, -1)) === String(shape.slice(0, -1));
  });
  return found === undefined || found === numClasses || !areOfClasses
    ? undefined
    : { scopes, found };
}

/** @throws UsageError  for a checkpoint that has nothing for a network: it is another's */
function expectOfNetwork(
  checkpoint: string,
  wanted: readonly Variable[],
  shapes: ReadonlyMap<string, readonly number[]>,
): void {
  if (wanted.some(({ name }) => shapes.has(name))) return;
  const [first = 'nothing'] = shapes.keys();
  throw new UsageError(
    `--checkpoint_path: ${checkpoint} holds no variable of the network, such as ${wanted[0]!.name}, but ${first} and others; expected the weights of the network that --model_name names.`,
  );
}

/** Values of the network's variables from a checkpoint, but for those that are excluded. */
async function warmStart(
  checkpoint: string,
  { checkpoint_exclude_scopes, ignore_missing_vars }: StartingPointOptions,
  { modelVariables, headScopes: head }: TrainingGraph,
  classNames: readonly string[],
): Promise<{ values: Record<string, HostTensor>; messages: string[] }> {
  const wanted = modelVariables.filter(
    ({ name }) => !checkpoint_exclude_scopes.some((scope) => name.startsWith(scope)),
  );
  if (wanted.length === 0) {
    throw new UsageError(
      `--checkpoint_exclude_scopes: got "${checkpoint_exclude_scopes}"; expected to leave a variable to restore.`,
    );
  }
  const { shapes } = await openCheckpoint(checkpoint);
  expectOfNetwork(checkpoint, wanted, shapes);
  const other = layersOfOtherClasses(wanted, shapes, classNames.length);
  const fitting = wanted.filter(({ name }) => other?.scopes.has(scopeOf(name)) !== true);
  const found = ignore_missing_vars ? fitting.filter(({ name }) => shapes.has(name)) : fitting;
  const messages = [
    `starting from ${found.length} of ${modelVariables.length} variables of ${checkpoint}`,
  ];
  if (other !== undefined) {
    messages.push(
      `begun anew, because it has them for ${other.found} classes and the data for ${classNames.length}: ${[...other.scopes].join(', ')}`,
    );
  }
  const missing = fitting.filter((variable) => !found.includes(variable)).map(({ name }) => name);
  if (missing.length > 0) messages.push(`not in the checkpoint, begun anew: ${missing.join(', ')}`);
  const record = await readRunRecord(dirname(checkpoint));
  const trained = record?.dataset.classes ?? classNames;
  const ofHead = found.filter(({ name }) => head.some((scope) => isWithin(name, scope)));
  messages.push(...expectSameHead(checkpoint, ofHead, trained, classNames));
  const hint =
    'Leave it out with --checkpoint_exclude_scopes, or what the checkpoint lacks with --ignore_missing_vars.';
  return { values: await readVariables(checkpoint, found, hint), messages };
}
