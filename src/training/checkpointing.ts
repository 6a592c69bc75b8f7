/** What of a run is in its checkpoints: variables, the number of steps, and losslens' own state. */
import { latestCheckpoint, openCheckpoint } from '../checkpoint/checkpoints.ts';
import type { CheckpointWriter } from '../checkpoint/checkpointWriter.ts';
import type { CheckpointTensor, TensorBundle } from '../checkpoint/tensorBundle.ts';
import { readVariables } from '../checkpoint/variables.ts';
import type { HostTensor } from '../engines/engine.ts';
import { excerpt, UsageError, UserError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import type { InSituState } from '../recording/inSituRecorder.ts';
import {
  decodeInSituState,
  encodeInSituState,
  type StateArrays,
} from '../recording/inSituState.ts';

const stepName = 'global_step';
/** Before the names of all that no other program knows. */
const ownPrefix = 'losslens/';
/** JSON in UTF-8, beside the variables that TensorFlow knows. */
const stateName = `${ownPrefix}state`;
/** Before the names of the arrays that the state's header speaks of. */
const arraysPrefix = `${ownPrefix}in_situ/`;
/** Of the state's form: that of another one is not read. */
export const stateVersion = 3;

/** What an epoch is made of: a run goes on with the same. */
interface EpochFacts {
  /** Items per step: with another one, the epoch that was begun cannot be gone on with. */
  readonly batchSize: number;
  /** Decides on the order of the items in each epoch. */
  readonly seed: number;
  /** Items of the data set's source. */
  readonly sourceSize: number;
  /** Of the items that are used, and of their labels. */
  readonly dataDigest: string;
}

interface StateHeader extends EpochFacts {
  readonly version: number;
  /** Left out where there are none. */
  readonly skippedSteps?: number | undefined;
  readonly skippedInARow?: number | undefined;
  /** Of `encodeInSituState`; null when no layer guides a selection. */
  readonly inSitu: unknown;
}

/** What a resumed run goes on from, beside the variables. */
export interface RunState extends EpochFacts {
  /** By --on_nan=skip. */
  readonly skippedSteps: number;
  /** Those of them that came last, with no other step since. */
  readonly skippedInARow: number;
  /** null when no layer guides a selection. */
  readonly inSitu: InSituState | null;
}

/** A run as a checkpoint holds it. */
export interface RestoredRun {
  /** The checkpoint's prefix. */
  readonly path: string;
  /** Steps done. */
  readonly step: number;
  readonly values: Record<string, HostTensor>;
  /** undefined for a checkpoint without a state of losslens' that this version reads. */
  readonly state: RunState | undefined;
}

/**
 * Begins to save a checkpoint of a run: resolves when the writer has all that is in it.
 *
 * @param variables   values of all of them, by name; nobody else uses their memory any more
 * @throws UserError  when the one before could not be saved
 */
export async function saveRun(
  writer: CheckpointWriter,
  step: number,
  variables: Readonly<Record<string, HostTensor>>,
  { inSitu, skippedSteps, skippedInARow, ...facts }: RunState,
): Promise<void> {
  const tensors = new Map<string, CheckpointTensor>(Object.entries(variables));
  tensors.set(stepName, { shape: [], data: BigInt64Array.of(BigInt(step)) });
  const encoded = inSitu && encodeInSituState(inSitu);
  const state: StateHeader = {
    version: stateVersion,
    ...facts,
    skippedSteps: skippedSteps || undefined,
    skippedInARow: skippedInARow || undefined,
    inSitu: encoded?.header ?? null,
  };
  const json = new Uint8Array(Buffer.from(JSON.stringify(state)));
  tensors.set(stateName, { shape: [json.length], data: json });
  for (const [name, data] of Object.entries(encoded?.arrays ?? {})) {
    tensors.set(arraysPrefix + name, { shape: [data.length], data });
  }
  await writer.save(step, tensors);
}

/**
 * Restores the latest checkpoint of a run's folder.
 *
 * @param expect    told of its prefix, steps and state before the variables are compared, to throw what is
 *                  better said
 * @returns  undefined when there is none: a new run
 * @throws UserError  when it is damaged or has not just the variables
 */
export async function restoreRun(
  trainDir: string,
  variables: readonly Variable[],
  expect: (run: Omit<RestoredRun, 'values'>) => void = () => {},
): Promise<RestoredRun | undefined> {
  const path = await latestCheckpoint(trainDir);
  if (path === undefined) return undefined;
  const bundle = await openCheckpoint(path);
  const step = Number((await bundle.read(stepName)).data[0]);
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new UserError(`${path}: holds ${step} as ${stepName}; expected a number of steps.`);
  }
  const state = await readState(bundle, path);
  expect({ path, step, state });
  const hint =
    'A run goes on with the network, optimizer, trainable scopes and moving averages it began with: ' +
    'give another --train_dir, and this one as --checkpoint_path.';
  const values = await readVariables(path, variables, hint);
  expectNoOthers(bundle, path, variables, hint);
  return { path, step, state, values };
}

/**
 * A run's own checkpoint has just its variables: one more is of another optimizer or network, which run.json would
 * tell of if it were there.
 *
 * @throws UsageError  naming the first
 */
function expectNoOthers(
  { shapes }: TensorBundle,
  path: string,
  variables: readonly Variable[],
  hint: string,
): void {
  // What other programs write may have any beside them.
  if (!shapes.has(stateName)) return;
  const own = new Set([stepName, ...variables.map(({ name }) => name)]);
  const other = [...shapes.keys()].find((name) => !own.has(name) && !name.startsWith(ownPrefix));
  if (other === undefined) return;
  throw new UsageError(
    `${path}: holds the variable ${excerpt(other)}, which this run has not. ${hint}`,
  );
}

/**
 * The state in a checkpoint.
 *
 * @returns  undefined when it has none, or one of another version
 * @throws UserError  when it is damaged
 */
async function readState(bundle: TensorBundle, path: string): Promise<RunState | undefined> {
  if (!bundle.shapes.has(stateName)) return undefined;
  try {
    return await decodeState(bundle);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${path}: its ${stateName} is damaged (${(error as Error).message}). Name another --train_dir, and this checkpoint as --checkpoint_path for its weights.`,
    );
  }
}

/** @throws Error  when it is damaged */
async function decodeState(bundle: TensorBundle): Promise<RunState | undefined> {
  const { data } = await bundle.read(stateName);
  const {
    version,
    inSitu,
    skippedSteps = 0,
    skippedInARow = 0,
    ...facts
  } = JSON.parse(Buffer.from(data as Uint8Array).toString()) as StateHeader;
  if (version !== stateVersion) return undefined;
  if (typeof facts.dataDigest !== 'string') throw new Error('it does not say of which data it is');
  const arrays: Record<string, StateArrays[string]> = {};
  for (const name of bundle.shapes.keys()) {
    if (!name.startsWith(arraysPrefix)) continue;
    arrays[name.slice(arraysPrefix.length)] = (await bundle.read(name)).data as StateArrays[string];
  }
  const state =
    inSitu === null ? null : decodeInSituState({ header: inSitu, arrays }, facts.sourceSize);
  return { ...facts, skippedSteps, skippedInARow, inSitu: state };
}
