/** Runs graphs on libtensorflow, which works in a thread of its own while JavaScript goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NoEngineError, reasonOf, UsageError, UserError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { namedSignatures, writeSavedModel } from '../graph/savedModel.ts';
import { readCudaBuild } from './build.ts';
import { cpuFeatures } from './cpuFeatures.ts';
import type { Bfloat16Support, Engine, Session, Signatures } from './engine.ts';
import { EngineThread } from './engineThread.ts';
import { firstVisibleGpu } from './gpuChoice.ts';
import { expectProc, expectTensorFlowPackage } from './tensorflowPackage.ts';
import type { SavedGraph, StartedTensorFlow } from './tensorflowWorker.ts';
import { ThreadSession } from './threadSession.ts';

/** The engine of each folder: TensorFlow is loaded once. */
const engines = new Map<string, Promise<TensorFlowEngine>>();

/**
 * Loads libtensorflow into this process, once for all engines.
 *
 * @returns  the engine, named like 'tensorflow 2.21.0 (CPU)', '… (GPU build, on the CPU)' or '… (GPU: NVIDIA H100)'
 * @throws NoEngineError  when the package, its addon, a library or /proc is missing
 */
export async function loadTensorFlowEngine(): Promise<Engine> {
  return await loadTensorFlowPackage(expectTensorFlowPackage());
}

/** As `loadTensorFlowEngine`, from a given folder of the package. */
export async function loadTensorFlowPackage(folder: string): Promise<Engine> {
  const known = engines.get(folder);
  if (known !== undefined && !(await known).hasEnded) return known;
  const starting = startEngine(folder);
  engines.set(folder, starting);
  starting.catch(() => engines.delete(folder));
  return await starting;
}

async function startEngine(folder: string): Promise<TensorFlowEngine> {
  expectProc();
  const { thread, started } = await EngineThread.start<SavedGraph, StartedTensorFlow>(
    new URL('./tensorflowWorker.js', import.meta.url),
    { folder },
  ).catch((error: Error) => {
    const reason = error.message.split('\n', 1)[0]?.trim();
    throw new NoEngineError(
      `engine tensorflow: ${folder} does not load (${reason}); expected a complete engine. ` +
        'Run: losslens engine install',
    );
  });
  const visible = started.isUsingGpu ? await firstVisibleGpu() : undefined;
  const gpu = visible === undefined ? 'GPU' : `GPU: ${visible.name}`;
  const cpu = readCudaBuild(folder) === undefined ? 'CPU' : 'GPU build, on the CPU';
  const name = `tensorflow ${started.version} (${started.isUsingGpu ? gpu : cpu})`;
  return new TensorFlowEngine(name, started.isUsingGpu ? bfloat16OnGpu : bfloat16OnCpu(), thread);
}

/** Features, as `cpuFeatures` has them, with which steps in bfloat16 were faster (docs/benchmarks.md). */
const bfloat16Features = ['amx_bf16', 'avx512_bf16'] as const;

function bfloat16OnCpu(): Bfloat16Support {
  // Only oneDNN uses them.
  if (/^(0|false)$/i.test(process.env['TF_ENABLE_ONEDNN_OPTS'] ?? '')) {
    return { support: 'slow', reason: 'TF_ENABLE_ONEDNN_OPTS turns oneDNN off' };
  }
  const features = cpuFeatures();
  const found = bfloat16Features.find((feature) => features.has(feature));
  return found === undefined
    ? { support: 'slow', reason: `the processor has no ${bfloat16Features.join(' or ')}` }
    : { support: 'fast', reason: `the processor has ${found}` };
}

/** Tensor cores multiply it fast, but nobody has trained with it there yet (docs/gpu.md). */
const bfloat16OnGpu: Bfloat16Support = {
  support: 'untried',
  reason: 'bfloat16 is untried on GPUs',
};

/** What is said of a graph that is placed on a GPU which only TensorFlow could tell that there is none of. */
function withoutDevice({ message }: Error): UsageError | undefined {
  const device = /explicitly assigned to \/device:(GPU:\d+)/.exec(message)?.[1];
  if (device === undefined) return undefined;
  return new UsageError(
    `--num_clones: TensorFlow has no ${device}; expected a GPU for each clone, or --clone_on_cpu.`,
  );
}

/** The graph, which TensorFlow reads from a file, cannot be written; the engine is in order. */
export class HandOverError extends UserError {
  static readonly fix = 'name another one in the environment variable TMPDIR';
}

/** @throws HandOverError  in place of why the graph cannot be written */
function cannotHandOver(error: Error): never {
  throw new HandOverError(
    `engine tensorflow: cannot write the graph below ${tmpdir()} (${reasonOf(error)}); expected a folder with some MB free: ${HandOverError.fix}.`,
  );
}

class TensorFlowEngine implements Engine {
  readonly name: string;
  readonly bfloat16: Bfloat16Support;
  readonly #thread: EngineThread<SavedGraph>;

  constructor(name: string, bfloat16: Bfloat16Support, thread: EngineThread<SavedGraph>) {
    this.name = name;
    this.bfloat16 = bfloat16;
    this.#thread = thread;
  }

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  async load(graph: Graph, signatures: Signatures): Promise<Session> {
    const folder = await mkdtemp(join(tmpdir(), 'losslens-graph-')).catch(cannotHandOver);
    try {
      await writeSavedModel(folder, graph, signatures).catch(cannotHandOver);
      const model = { folder, signatures: namedSignatures(signatures) };
      const session = await this.#thread.request({ kind: 'load', model }).catch((error: Error) => {
        throw withoutDevice(error) ?? error;
      });
      return new ThreadSession(this.#thread, session, signatures);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
