/** Runs graphs on libtensorflow, through the unmodified package @tensorflow/tfjs-node-gpu. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import util from 'node:util';
import type * as tfc from '@tensorflow/tfjs-core';
import { NoEngineError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { writeSavedModel } from '../graph/savedModel.ts';
import { quietLogIn } from './addon.ts';
import { readCudaBuild } from './build.ts';
import { cpuFeatures } from './cpuFeatures.ts';
import { preloadCudaLibraries } from './cudaLibraries.ts';
import type { Bfloat16Support, Engine, HostTensor, Session, Signatures } from './engine.ts';
import { checkFeeds } from './feeds.ts';
import { askDriver } from './gpus.ts';
import { engineFolder } from './home.ts';
import { loadLibrary } from './loadLibrary.ts';

/** The package's name on npm. */
export const packageName = '@tensorflow/tfjs-node-gpu';

/** One signature of a SavedModel, as the package loads it. */
interface LoadedSignature {
  predict(inputs: tfc.NamedTensorMap): tfc.NamedTensorMap;
  dispose(): void;
}

/** The part of the package that is used here. */
interface TensorFlowPackage {
  readonly tensor: typeof tfc.tensor;
  readonly dispose: typeof tfc.dispose;
  readonly getBackend: typeof tfc.getBackend;
  readonly setBackend: typeof tfc.setBackend;
  readonly findBackend: (name: string) => {
    readonly isUsingGpuDevice: boolean;
    readonly binding: { readonly TF_Version: string };
  };
  readonly node: {
    loadSavedModel(folder: string, tags: string[], signature: string): Promise<LoadedSignature>;
  };
}

/** Where the package lies in a folder of npm's, such as an installed engine. */
export function packageFolderIn(folder: string): string {
  return join(folder, 'node_modules', packageName);
}

/**
 * Finds the package: the engine that `losslens engine install` made comes first, then the optional dependency
 * in node_modules (whose own install script works on some machines).
 *
 * @returns  its folder, or undefined where there is none
 */
export function findTensorFlowPackage(): string | undefined {
  const installed = packageFolderIn(engineFolder());
  if (existsSync(installed)) return installed;
  try {
    return dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
  } catch {
    return undefined;
  }
}

function requirePackage(folder: string): TensorFlowPackage {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // Else TensorFlow takes all memory of every GPU at once.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // Its log level is for later: what it logs while it is being loaded is written regardless.
  if (process.env['TF_CPP_MIN_LOG_LEVEL'] !== '0' && existsSync(quietLogIn(folder))) {
    loadLibrary(quietLogIn(folder), { isGlobal: true });
  }
  const cudaLibraries = join(folder, 'deps', 'nvidia');
  if (existsSync(cudaLibraries)) preloadCudaLibraries(cudaLibraries);
  // The package calls it; Node 22 warns of that, Node 23 dropped it.
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value == null });
  // Neither tfjs' greetings nor Node's word on its dependencies help who trains.
  const { warn } = console;
  const { noDeprecation } = process;
  console.warn = () => {};
  process.noDeprecation = true;
  try {
    return createRequire(import.meta.url)(folder) as TensorFlowPackage;
  } finally {
    console.warn = warn;
    process.noDeprecation = noDeprecation ?? false;
  }
}

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
  let tf: TensorFlowPackage;
  try {
    tf = requirePackage(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0]?.trim() : String(error);
    throw new NoEngineError(
      `engine tensorflow: ${folder} does not load (${reason}); expected a complete engine. ` +
        'Run: losslens engine install',
    );
  }
  const backend = tf.findBackend('tensorflow');
  const { gpus } = backend.isUsingGpuDevice ? await askDriver() : { gpus: [] };
  const gpu = ['GPU', gpus.map(({ name }) => name).join(', ')].filter(Boolean).join(': ');
  const cpu = readCudaBuild(folder) === undefined ? 'CPU' : 'GPU build, on the CPU';
  const device = backend.isUsingGpuDevice ? gpu : cpu;
  return {
    name: `tensorflow ${backend.binding.TF_Version} (${device})`,
    bfloat16: backend.isUsingGpuDevice ? bfloat16OnGpu : bfloat16OnCpu(),
    load: (graph, signatures) => loadGraph(tf, graph, signatures),
  };
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

async function loadGraph(
  tf: TensorFlowPackage,
  graph: Graph,
  signatures: Signatures,
): Promise<Session> {
  const loaded = new Map<string, LoadedSignature>();
  const close = () => {
    for (const signature of loaded.values()) signature.dispose();
    loaded.clear();
  };
  const folder = await mkdtemp(join(tmpdir(), 'losslens-graph-'));
  try {
    await writeSavedModel(folder, graph, signatures);
    // Signatures of one folder share one TensorFlow session, and with it the variables.
    for (const name of Object.keys(signatures)) {
      if (tf.getBackend() !== 'tensorflow') await tf.setBackend('tensorflow');
      loaded.set(name, await tf.node.loadSavedModel(folder, ['serve'], name));
    }
  } catch (error) {
    close();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }

  const run = async (name: string, feeds: Readonly<Record<string, HostTensor>>) => {
    // A run blocks JavaScript: before it, messages of threads and signals get their turn. First come, first served.
    await setImmediate();
    const signature = signatures[name];
    const model = loaded.get(name);
    if (signature === undefined || model === undefined) {
      const known = [...loaded.keys()].join(', ') || 'none (the session is closed)';
      throw new Error(`session: got signature '${name}'; expected one of ${known}`);
    }
    checkFeeds(name, signature, feeds);
    // Every engine on tfjs shares its one registry of backends.
    if (tf.getBackend() !== 'tensorflow') void tf.setBackend('tensorflow');
    const inputs: tfc.NamedTensorMap = {};
    let outputs: tfc.NamedTensorMap = {};
    try {
      for (const [key, { data, shape }] of Object.entries(feeds)) {
        inputs[key] = tf.tensor(
          data,
          [...shape],
          data instanceof Float32Array ? 'float32' : 'int32',
        );
      }
      // Given a map, predict returns a map, even for a single output.
      outputs = model.predict(inputs);
      const values: Record<string, HostTensor> = {};
      for (const [key, output] of Object.entries(outputs)) {
        values[key] = {
          data: output.dataSync<'float32' | 'int32'>(),
          shape: output.shape,
        };
      }
      return values;
    } finally {
      tf.dispose(inputs);
      tf.dispose(outputs);
    }
  };
  return {
    run,
    close: async () => {
      await setImmediate();
      close();
    },
  };
}
