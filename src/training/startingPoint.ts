/** Where a run begins: at its own latest checkpoint, at the weights of another one, or at new ones. */
import type { HostTensor } from '../engines/engine.ts';
import { UsageError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { openCheckpoint, resolveCheckpoint } from './checkpoint/checkpoints.ts';
import { type RestoredRun, type RunState, readVariables, restoreRun } from './checkpointing.ts';
import { initialValues } from './initialValues.ts';
import { beginAverages } from './movingAverages.ts';
import type { TrainingGraph } from './trainingGraph.ts';

/** What a run begins with. */
export interface StartingPoint {
  /** Steps done before. */
  readonly step: number;
  /** Of all variables, by name. */
  readonly values: Record<string, HostTensor>;
  /** undefined when no state of losslens' own goes with them. */
  readonly state: RunState | undefined;
  /** For the console: where the values come from. */
  readonly messages: readonly string[];
}

/** The flags that decide on it. */
export interface StartingPointOptions {
  readonly train_dir: string;
  readonly checkpoint_path: string | undefined;
  readonly checkpoint_exclude_scopes: readonly string[];
  readonly ignore_missing_vars: boolean;
  readonly batch_size: number;
  readonly seed: number;
}

/**
 * Finds where a run begins.
 *
 * @param items  of the data set's source
 * @throws UserError  for a checkpoint that cannot be read or does not fit the graph
 */
export async function findStartingPoint(
  options: StartingPointOptions,
  { variables, modelVariables }: TrainingGraph,
  items: number,
): Promise<StartingPoint> {
  const { train_dir, checkpoint_path, seed } = options;
  const restored = await restoreRun(train_dir, variables);
  if (restored !== undefined) {
    expectSameEpochs(restored, options, items);
    const messages = [`resuming ${restored.path}`];
    if (checkpoint_path !== undefined) {
      messages.push(`--checkpoint_path is ignored: ${train_dir} holds a checkpoint of its own`);
    }
    return { ...restored, messages };
  }
  const initial = initialValues(variables, seed);
  if (checkpoint_path === undefined) {
    return { step: 0, values: beginAverages(initial), state: undefined, messages: [] };
  }
  const { values, messages } = await warmStart(checkpoint_path, options, modelVariables);
  return { step: 0, values: beginAverages({ ...initial, ...values }), state: undefined, messages };
}

/** @throws UsageError  when the epochs of a run that is to go on have other steps from now on */
function expectSameEpochs(
  { path, state }: RestoredRun,
  { batch_size }: StartingPointOptions,
  items: number,
): void {
  const advice = 'Give another --train_dir, and this one as --checkpoint_path.';
  if (state !== undefined && state.batchSize !== batch_size) {
    throw new UsageError(
      `--batch_size: got ${batch_size}; the run of ${path} has ${state.batchSize}. ${advice}`,
    );
  }
  if (state !== undefined && state.datasetSize !== items) {
    throw new UsageError(
      `--dataset_name: has ${items} items; the run of ${path} trains on ${state.datasetSize}. ${advice}`,
    );
  }
}

/** Values of the network's variables from a checkpoint, but for those that are excluded. */
async function warmStart(
  path: string,
  { checkpoint_exclude_scopes, ignore_missing_vars }: StartingPointOptions,
  modelVariables: readonly Variable[],
): Promise<{ values: Record<string, HostTensor>; messages: string[] }> {
  const checkpoint = await resolveCheckpoint(path);
  const wanted = modelVariables.filter(
    ({ name }) => !checkpoint_exclude_scopes.some((scope) => name.startsWith(scope)),
  );
  if (wanted.length === 0) {
    throw new UsageError(
      `--checkpoint_exclude_scopes: got "${checkpoint_exclude_scopes}"; expected to leave a variable to restore.`,
    );
  }
  const { shapes } = await openCheckpoint(checkpoint);
  const found = ignore_missing_vars ? wanted.filter(({ name }) => shapes.has(name)) : wanted;
  const messages = [
    `starting from ${found.length} of ${modelVariables.length} variables of ${checkpoint}`,
  ];
  const missing = wanted.filter((variable) => !found.includes(variable)).map(({ name }) => name);
  if (missing.length > 0) messages.push(`not in the checkpoint, begun anew: ${missing.join(', ')}`);
  const hint =
    'Leave it out with --checkpoint_exclude_scopes, or what the checkpoint lacks with --ignore_missing_vars.';
  return { values: await readVariables(checkpoint, found, hint), messages };
}
