/** The training loop as the command runs it, with an engine that answers at once instead of the network. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Cleanup } from '../src/cleanup.ts';
import type { Engine, HostTensor, Session, Signature, Signatures } from '../src/engines/engine.ts';
import { lockFolder } from '../src/files/folderLock.ts';
import { sizeOf } from '../src/graph/shape.ts';
import { stepScores } from '../src/insitu/stepScores.ts';
import { random } from '../src/random.ts';
import { openRun, type Run } from '../src/training/openRun.ts';
import { planRun } from '../src/training/planRun.ts';
import { recordPlan } from '../src/training/recordPlan.ts';
import type { RunOptions } from '../src/training/runOptions.ts';
import { train } from '../src/training/trainer.ts';
import { defaultOptions } from './defaultOptions.ts';

/** What is trained. */
export interface Case {
  readonly model_name: string;
  readonly dataset_name: string;
  readonly batch_size: number;
  readonly hm: readonly string[];
  /** Below the folder of made data, where the data set has no files of its own there. */
  readonly files?: string;
  readonly max_data_memory_mb?: number;
  readonly save_interval_steps?: number;
}

const next = random(1);

/** Data sets without files. */
const builtIn = new Set(['digits', 'phrases']);

/**
 * Noise between 0 and 1, which is a loss and a probability, too, in the shapes of a signature's outputs.
 *
 * @param batch      rows of the batch
 * @param monitored  rows of it to monitor
 */
function noiseOf(
  { outputs }: Signature,
  batch: number,
  monitored: number,
): Record<string, HostTensor> {
  const entries = Object.entries(outputs).map(([name, { dtype, shape }]) => {
    const isMonitored = /^monitored_input$|\/(contribution|C|R|channels)$/.test(name);
    const rows = isMonitored ? monitored : batch * (name === 'scores' ? stepScores.length : 1);
    const actual = shape.map((size) => (size === -1 ? rows : size));
    const length = sizeOf(actual);
    // No step is left out.
    const value = name === 'is_finite' ? () => 1 : next;
    const data = dtype === 'int32' ? new Int32Array(length) : Float32Array.from({ length }, value);
    return [name, { data, shape: actual }];
  });
  return Object.fromEntries(entries);
}

/** An engine that answers at once. */
function instantEngine(): Engine {
  const load = async (_: unknown, signatures: Signatures): Promise<Session> => {
    // Made once, as they would be by another thread.
    const known = new Map<string, Record<string, HostTensor>>();
    let variables: Record<string, HostTensor> = {};
    return {
      run: async (signature, feeds) => {
        await setImmediate();
        const batch = feeds['labels']?.shape[0] ?? 1;
        const monitored = feeds['monitor_rows']?.shape[0] ?? 0;
        const key = `${signature} ${batch} ${monitored}`;
        const outputs = known.get(key) ?? noiseOf(signatures[signature]!, batch, monitored);
        known.set(key, outputs);
        if (signature !== 'read') return outputs;
        // The writer of a checkpoint takes their memory away, which an engine's thread hands over.
        const isGone = Object.values(variables).every(({ data }) => data.length === 0);
        if (isGone) variables = structuredClone(outputs);
        return variables;
      },
      close: async () => {},
    };
  };
  return { name: 'none', bfloat16: { support: 'none', reason: 'nothing is computed' }, load };
}

/** The flags of a case, and all others by default. */
function optionsOf(each: Case, dataDir: string, trainDir: string): RunOptions {
  const { files = '', ...flagsOfCase } = each;
  return {
    ...defaultOptions(),
    ...flagsOfCase,
    ...{ engine: 'wasm', train_dir: trainDir, precision: 'float32' },
    ...(builtIn.has(each.dataset_name) ? {} : { dataset_dir: join(dataDir, files) }),
  };
}

/**
 * Trains a case for one epoch, which warms up, and whole further epochs of so many steps or more.
 *
 * @param dataDir   folder of the made data
 * @param trainDir  folder of the run
 * @param steps     after the first epoch, at least
 * @param begin     is told the steps of an epoch and of the run, and returns what is called after each step
 */
export async function trainInstantly(
  each: Case,
  dataDir: string,
  trainDir: string,
  steps: number,
  begin: (stepsPerEpoch: number, lastStep: number) => (step: number) => void,
): Promise<void> {
  await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(trainDir, '--train_dir');
    cleanup.add(() => lock.release());
    const options = optionsOf(each, dataDir, trainDir);
    const planned = await planRun({ ...options, max_number_of_epochs: 1 });
    const { stepsPerEpoch } = planned;
    const lastStep = stepsPerEpoch * (1 + Math.ceil(steps / stepsPerEpoch));
    const opened = await openRun({ ...planned, engine: instantEngine(), lastStep }, lock, cleanup);
    const afterStep = begin(stepsPerEpoch, lastStep);
    const progress: Run['progress'] = {
      ...opened.progress,
      message: () => {},
      update: ({ step }) => afterStep(step),
    };
    const run: Run = { ...opened, progress };
    await recordPlan(run);
    await train(run);
  });
}
