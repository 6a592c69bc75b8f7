/** Runs graphs on libtensorflow, which works in a thread of its own while JavaScript goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NoEngineError, UsageError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { namedSignatures, writeSavedModel } from '../graph/savedModel.ts';
import { readCudaBuild } from './build.ts';
import { cpuFeatures } from './cpuFeatures.ts';
import type { Bfloat16Support, Engine, HostTensor, Session, Signatures } from './engine.ts';
import { EngineThread } from './engineThread.ts';
import { checkFeeds } from './feeds.ts';
import { firstVisibleGpu } from './gpuChoice.ts';
import { engineFolder } from './home.ts';
import { findTensorFlowPackage } from './tensorflowPackage.ts';

/** Bytes up to which a feed is copied into the message that asks for a run, which is faster than to share it. */
const smallFeed = 1 << 16;

/** The engine of each folder: TensorFlow is loaded once. */
const engines = new Map<string, Promise<TensorFlowEngine>>();

/**
 * Loads libtensorflow into this process, once for all engines.
 *
 * @returns  the engine, named like 'tensorflow 2.21.0 (CPU)', '… (GPU build, on the CPU)' or '… (GPU: NVIDIA H100)'
 * @throws NoEngineError  when the package, its addon or a library is missing
 */
export async function loadTensorFlowEngine(): Promise<Engine> {
  const folder = findTensorFlowPackage();
  if (folder === undefined) {
    throw new NoEngineError(
      `engine tensorflow: found nothing in ${engineFolder()}; expected an installed engine. ` +
        'Run: losslens engine install',
    );
  }
  return await loadTensorFlowPackage(folder);
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
  const { thread, started } = await EngineThread.start(folder).catch((error: Error) => {
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

/** Intel's AMX multiplies bfloat16 several times as fast as AVX-512 does float32. */
function bfloat16OnCpu(): Bfloat16Support {
  // Only oneDNN knows AMX.
  if (/^(0|false)$/i.test(process.env['TF_ENABLE_ONEDNN_OPTS'] ?? '')) {
    return { support: 'slow', reason: 'TF_ENABLE_ONEDNN_OPTS turns oneDNN off' };
  }
  return cpuFeatures().has('amx_bf16')
    ? { support: 'fast', reason: 'the processor has amx_bf16' }
    : { support: 'slow', reason: 'the processor has no amx_bf16' };
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

class TensorFlowEngine implements Engine {
  readonly name: string;
  readonly bfloat16: Bfloat16Support;
  readonly #thread: EngineThread;

  constructor(name: string, bfloat16: Bfloat16Support, thread: EngineThread) {
    this.name = name;
    this.bfloat16 = bfloat16;
    this.#thread = thread;
  }

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  async load(graph: Graph, signatures: Signatures): Promise<Session> {
    const folder = await mkdtemp(join(tmpdir(), 'losslens-graph-'));
    try {
      await writeSavedModel(folder, graph, signatures);
      const names = namedSignatures(signatures);
      const session = await this.#thread
        .request({ kind: 'load', folder, signatures: names })
        .catch((error: Error) => {
          throw withoutDevice(error) ?? error;
        });
      return new TensorFlowSession(this.#thread, session, signatures);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

class TensorFlowSession implements Session {
  readonly #thread: EngineThread;
  readonly #session: number;
  /** None once the session is closed. */
  #signatures: Signatures;

  constructor(thread: EngineThread, session: number, signatures: Signatures) {
    this.#thread = thread;
    this.#session = session;
    this.#signatures = signatures;
  }

  async run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>> {
    const { [signature]: entry } = this.#signatures;
    if (entry === undefined) {
      const known = Object.keys(this.#signatures).join(', ') || 'none (the session is closed)';
      throw new Error(`session: got signature '${signature}'; expected one of ${known}`);
    }
    checkFeeds(signature, entry, feeds);
    const shared = Object.fromEntries(
      Object.entries(feeds).map(([key, feed]) => [key, shareable(feed)]),
    );
    return this.#thread.request({
      kind: 'run',
      session: this.#session,
      signature,
      feeds: shared,
    });
  }

  async close(): Promise<void> {
    if (this.#thread.hasEnded) return;
    this.#signatures = {};
    await this.#thread.request({ kind: 'close', session: this.#session });
  }
}

/**
 * A feed as it can be sent to the thread: shared memory as it is, since a batch lies there already; anything else
 * that is large is copied into some, once.
 */
function shareable({ data, shape }: HostTensor): HostTensor {
  // A message copies the whole memory that a view is of.
  const isShared = data.buffer instanceof SharedArrayBuffer;
  if (isShared || data.buffer.byteLength <= smallFeed) return { data, shape };
  const memory = new SharedArrayBuffer(data.byteLength);
  const copy = data instanceof Float32Array ? new Float32Array(memory) : new Int32Array(memory);
  copy.set(data);
  return { data: copy, shape };
}
