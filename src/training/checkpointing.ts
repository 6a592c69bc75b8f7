/** What of a run is in its checkpoints: variables, the number of steps, and the in situ state. */
import { deserialize, serialize } from 'node:v8';
import { latestCheckpoint, openCheckpoint, saveCheckpoint } from '../checkpoint/checkpoints.ts';
import type { CheckpointTensor } from '../checkpoint/tensorBundle.ts';
import { readVariables } from '../checkpoint/variables.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import type { Variable } from '../graph/graph.ts';
import type { InSituState } from '../recording/inSituRecorder.ts';
import type { MonitoringHistoryState } from '../recording/monitoringHistory.ts';

const stepName = 'global_step';
/** losslens' own state, JSON in UTF-8, beside the variables that TensorFlow knows. */
const stateName = 'losslens/state';
/** The past of the monitored items, in the form that newer versions of Node read, too. */
const historyName = 'losslens/monitoring';
/** Before the names of what is gathered of every item. */
const itemsPrefix = 'losslens/items/';

/** What a resumed run goes on from, beside the variables. */
export interface RunState {
  /** Items per step: with another one, the epoch that was begun cannot be gone on with. */
  readonly batchSize: number;
  /** Decides on the order of the items in each epoch. */
  readonly seed: number;
  /** Items of the data set's source. */
  readonly sourceSize: number;
  /** Of the items that are used, and of their labels. */
  readonly dataDigest: string;
  readonly inSitu: InSituState | null;
}

/** A run as a checkpoint holds it. */
export interface RestoredRun {
  /** The checkpoint's prefix. */
  readonly path: string;
  /** Steps done. */
  readonly step: number;
  readonly values: Record<string, HostTensor>;
  /** undefined for a checkpoint that losslens did not write. */
  readonly state: RunState | undefined;
}

/** Saves a checkpoint of a run in its folder. */
export async function saveRun(
  trainDir: string,
  step: number,
  session: Session,
  state: RunState,
  maxToKeep: number,
): Promise<void> {
  const tensors = new Map<string, CheckpointTensor>(Object.entries(session.run('read', {})));
  tensors.set(stepName, { shape: [], data: BigInt64Array.of(BigInt(step)) });
  const { items, monitor, ...inSitu } = state.inSitu ?? {};
  const { history, ...watched } = monitor ?? {};
  const json = new Uint8Array(
    Buffer.from(
      JSON.stringify({ ...state, inSitu: state.inSitu && { ...inSitu, monitor: watched } }),
    ),
  );
  tensors.set(stateName, { shape: [json.length], data: json });
  if (history !== undefined) {
    const bytes = new Uint8Array(serialize(history));
    tensors.set(historyName, { shape: [bytes.length], data: bytes });
  }
  for (const [name, data] of Object.entries(items ?? {})) {
    tensors.set(itemsPrefix + name, { shape: [data.length], data });
  }
  await saveCheckpoint(trainDir, step, tensors, maxToKeep);
}

/**
 * Restores the latest checkpoint of a run's folder.
 *
 * @returns  undefined when there is none: a new run
 */
export async function restoreRun(
  trainDir: string,
  variables: readonly Variable[],
): Promise<RestoredRun | undefined> {
  const path = await latestCheckpoint(trainDir);
  if (path === undefined) return undefined;
  const hint =
    'A run goes on with the network, optimizer, trainable scopes and moving averages it began with: ' +
    'give another --train_dir, and this one as --checkpoint_path.';
  const values = await readVariables(path, variables, hint);
  const bundle = await openCheckpoint(path);
  const step = Number((await bundle.read(stepName)).data[0]);
  let state: RunState | undefined;
  if (bundle.shapes.has(stateName)) {
    const { data } = await bundle.read(stateName);
    const json = JSON.parse(Buffer.from(data as Uint8Array).toString()) as RunState;
    const items: Record<string, Float32Array | Int32Array> = {};
    for (const name of bundle.shapes.keys()) {
      if (!name.startsWith(itemsPrefix)) continue;
      const { data } = await bundle.read(name);
      items[name.slice(itemsPrefix.length)] = data as Float32Array | Int32Array;
    }
    const inSitu = json.inSitu && {
      ...json.inSitu,
      items,
      monitor: {
        ...json.inSitu.monitor,
        history: deserialize(
          (await bundle.read(historyName)).data as Uint8Array,
        ) as MonitoringHistoryState,
      },
    };
    state = { ...json, inSitu };
  }
  return { path, step, values, state };
}
