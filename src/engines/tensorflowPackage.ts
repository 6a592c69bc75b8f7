/** Finds and loads the unmodified package @tensorflow/tfjs-node-gpu, and runs graphs on it in the thread that loaded it. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import type * as tfc from '@tensorflow/tfjs-core';
import { NoEngineError } from '../errors.ts';
import type { NamedSignatures } from '../graph/savedModel.ts';
import { quietLogIn } from './addon.ts';
import { preloadCudaLibraries } from './cudaLibraries.ts';
import type { HostTensor } from './engine.ts';
import type { LoadedGraph } from './engineTasks.ts';
import { engineFolder } from './home.ts';
import { loadLibrary } from './loadLibrary.ts';

/** The package's name on npm. */
export const packageName = '@tensorflow/tfjs-node-gpu';

/** The part of the package's backend that is used here. */
interface Backend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
  /** @returns  the number of a session */
  loadSavedModelMetaGraph(folder: string, tags: string): number;
  runSavedModel(
    session: number,
    inputs: readonly tfc.Tensor[],
    inputInfos: readonly { readonly name: string }[],
    outputNames: readonly string[],
  ): tfc.Tensor[];
  deleteSavedModel(session: number): void;
}

/** The part of the package that is used here. */
export interface TensorFlowPackage {
  readonly tensor: typeof tfc.tensor;
  readonly dispose: typeof tfc.dispose;
  readonly findBackend: (name: string) => Backend;
}

/** Where the package lies in a folder of npm's, such as an installed engine. */
export function packageFolderIn(folder: string): string {
  return join(folder, 'node_modules', packageName);
}

/** TensorFlow is here, and would end the process. */
export class NoProcError extends NoEngineError {
  static readonly fix = 'mount -t proc proc /proc';
}

/**
 * To be asked before TensorFlow is loaded, which looks up there where its program lies, and aborts the process where
 * it cannot.
 *
 * @throws NoProcError  in a chroot or container without /proc
 */
export function expectProc(): void {
  if (process.platform !== 'linux' || existsSync('/proc/self/exe')) return;
  throw new NoProcError(
    `engine tensorflow: found no /proc, without which TensorFlow ends the process; expected it to be mounted. Run: ${NoProcError.fix}`,
  );
}

/** As `findTensorFlowPackage`. @throws NoEngineError  where there is none */
export function expectTensorFlowPackage(): string {
  const folder = findTensorFlowPackage();
  if (folder !== undefined) return folder;
  throw new NoEngineError(
    `engine tensorflow: found nothing in ${engineFolder()}; expected an installed engine. Run: losslens engine install`,
  );
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

/**
 * Loads libtensorflow into this process for good, with what it takes from its surroundings: a log level, memory of
 * GPUs, NVIDIA's libraries.
 *
 * @param folder  of the package
 */
export function loadLibTensorFlow(folder: string): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // Else TensorFlow takes all memory of every GPU at once.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // Its log level is for later: what it logs while it is being loaded is written regardless.
  if (process.env['TF_CPP_MIN_LOG_LEVEL'] !== '0' && existsSync(quietLogIn(folder))) {
    loadLibrary(quietLogIn(folder), { isGlobal: true });
  }
  const cudaLibraries = join(folder, 'deps', 'nvidia');
  if (existsSync(cudaLibraries)) preloadCudaLibraries(cudaLibraries);
  keepTensorFlow(join(folder, 'deps', 'lib'));
}

/**
 * Loads libtensorflow into this process, and the package into this thread.
 *
 * @param folder  of the package
 * @throws Error  when the package, its addon or a library is missing
 */
export function requireTensorFlow(folder: string): TensorFlowPackage {
  loadLibTensorFlow(folder);
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
 * Loads TensorFlow for good. The addon alone would have it unloaded when its thread ends, while TensorFlow's own
 * threads go on and the process has still to call what TensorFlow wants done at its exit.
 */
function keepTensorFlow(folder: string): void {
  if (!existsSync(folder)) return;
  // The framework is loaded by the library that needs it, as the addon would have it.
  const files = readdirSync(folder).filter((file) => /^libtensorflow(_cc)?\.so\.\d+$/.test(file));
  for (const file of files) loadLibrary(join(folder, file));
}

/** The signature whose feeds the variables keep as their values. */
const assigning = 'assign';

/**
 * A copy of values in memory that TensorFlow copies once more. What begins at a multiple of 64 bytes it would share
 * with JavaScript: a variable that took it would give it back in the thread that updates the variable first, where
 * the package must not touch JavaScript's memory, and which others may change before.
 */
function unshared(data: HostTensor['data']): HostTensor['data'] {
  const { BYTES_PER_ELEMENT, length } = data;
  // Memory of JavaScript's begins at a multiple of 8.
  const memory = new ArrayBuffer((1 + length) * BYTES_PER_ELEMENT);
  const TypedArray = data instanceof Float32Array ? Float32Array : Int32Array;
  const copy = new TypedArray(memory, BYTES_PER_ELEMENT, length);
  copy.set(data);
  return copy;
}

/**
 * A SavedModel in a TensorFlow session of its own. The package's own `loadSavedModel` would read the graph in
 * JavaScript, too, once for each signature, which takes several times as long as TensorFlow.
 */
export class LoadedModel implements LoadedGraph {
  readonly #tf: TensorFlowPackage;
  readonly #backend: Backend;
  readonly #session: number;
  readonly #signatures: NamedSignatures;

  /**
   * Loads a SavedModel with the tag 'serve'.
   *
   * @throws Error  what TensorFlow says of a graph that it does not take
   */
  constructor(tf: TensorFlowPackage, folder: string, signatures: NamedSignatures) {
    this.#tf = tf;
    this.#backend = tf.findBackend('tensorflow');
    this.#session = this.#backend.loadSavedModelMetaGraph(folder, 'serve');
    this.#signatures = signatures;
  }

  run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Record<string, HostTensor<ArrayBuffer>> {
    const { inputs: inputNames, outputs: outputNames } = this.#signatures[signature]!;
    const inputs: tfc.Tensor[] = [];
    let outputs: tfc.Tensor[] = [];
    try {
      for (const key of Object.keys(inputNames)) {
        const { data, shape } = feeds[key]!;
        const dtype = data instanceof Float32Array ? 'float32' : 'int32';
        const values = signature === assigning ? unshared(data) : data;
        inputs.push(this.#tf.tensor(values, [...shape], dtype));
      }
      const infos = Object.values(inputNames).map((name) => ({ name }));
      const names = Object.values(outputNames);
      outputs = this.#backend.runSavedModel(this.#session, inputs, infos, names);
      const values: Record<string, HostTensor<ArrayBuffer>> = {};
      for (const [i, key] of Object.keys(outputNames).entries()) {
        const output = outputs[i]!;
        const data = output.dataSync<'float32' | 'int32'>();
        values[key] = { data: data as HostTensor<ArrayBuffer>['data'], shape: output.shape };
      }
      return values;
    } finally {
      this.#tf.dispose(inputs);
      this.#tf.dispose(outputs);
    }
  }

  close(): void {
    this.#backend.deleteSavedModel(this.#session);
  }
}
