/** Which engine runs a command. */
import { NoEngineError } from '../errors.ts';
import { readCudaBuild } from './build.ts';
import { requireDeterminism, requiresDeterminism, withDeterministicLosses } from './determinism.ts';
import type { Engine } from './engine.ts';
import type { EngineChoice } from './engineChoice.ts';
import { chooseCloneGpus, chooseGpu, type GpuChoice, tooFewForClones } from './gpuChoice.ts';
import { loadTensorFlowEngine } from './tensorflow.ts';
import { findTensorFlowPackage } from './tensorflowPackage.ts';

/** How to get each engine, the fastest first. */
const loaders = {
  tensorflow: loadTensorFlowEngine,
  // Its kernels take half a second to load; who trains on TensorFlow does not need them.
  wasm: async () => (await import('./wasm/wasmEngine.ts')).createWasmEngine(),
} satisfies Record<Exclude<EngineChoice, 'auto'>, () => Promise<Engine>>;

/** How many times as fast as WebAssembly TensorFlow trains on two cores at least (docs/benchmarks.md). */
const tensorFlowSpeedup = 4;

/** The flags that choose an engine and what it computes on. */
export interface EngineOptions {
  readonly engine: EngineChoice;
  /** 'auto' by default */
  readonly gpu?: GpuChoice;
  /** Whether a GPU's results are to be the same from run to run; not by default. */
  readonly deterministic?: boolean;
  /** Whether GPUs are hidden from it; not by default. */
  readonly clone_on_cpu?: boolean;
  /** Copies of the network, each of which has a GPU of its own unless they are hidden; one by default. */
  readonly num_clones?: number;
}

/** An engine and, for people and run.json, why it was taken. */
export interface SelectedEngine {
  readonly engine: Engine;
  readonly reason: string;
}

/**
 * Loads the engine of one's choice.
 *
 * @throws NoEngineError  when it cannot run here; with 'auto', when none can (every engine says why)
 * @throws UsageError     for a GPU that there is none of, or more clones than GPUs
 */
export async function selectEngine(options: EngineOptions): Promise<SelectedEngine> {
  if (options.deterministic === true) requireDeterminism();
  const { engine, reason } = await loadChosen(options);
  const isToBeReplaced = requiresDeterminism() && isNamedAfterGpu(engine);
  return { engine: isToBeReplaced ? withDeterministicLosses(engine) : engine, reason };
}

async function loadChosen(options: EngineOptions): Promise<SelectedEngine> {
  const { engine: choice, gpu = 'auto', clone_on_cpu: onCpu = false, num_clones = 1 } = options;
  // CUDA looks at it when it is loaded.
  if (onCpu) process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  else if (num_clones > 1) {
    const reason = `asked for by --num_clones=${num_clones}`;
    return { engine: await loadForClones(choice, num_clones), reason };
  } else if (choice !== 'wasm') await prepareGpu(gpu);
  if (gpu !== 'auto') {
    return { engine: await loadOnGpu(gpu), reason: `asked for by --gpu=${gpu}` };
  }
  if (choice !== 'auto') {
    return { engine: await loaders[choice](), reason: `asked for by --engine=${choice}` };
  }
  const failures: string[] = [];
  for (const load of Object.values(loaders)) {
    try {
      const engine = await load();
      const reason =
        failures.length === 0
          ? 'the fastest that works here'
          : `TensorFlow would be ${tensorFlowSpeedup} times as fast or more; ${failures.join('; ')}`;
      return { engine, reason };
    } catch (error) {
      if (!(error instanceof NoEngineError)) throw error;
      failures.push(error.message);
    }
  }
  throw new NoEngineError(failures.join('\n'));
}

async function prepareGpu(gpu: GpuChoice): Promise<void> {
  const folder = findTensorFlowPackage();
  // That there is none is said where it is loaded.
  if (folder !== undefined) await chooseGpu(gpu, readCudaBuild(folder));
}

/** Who asks for a GPU is not given the CPU. */
async function loadOnGpu(gpu: GpuChoice): Promise<Engine> {
  const engine = await loadTensorFlowEngine();
  if (isNamedAfterGpu(engine)) return engine;
  throw new NoEngineError(
    `--gpu: got ${gpu}, but the engine is ${engine.name}; expected one that uses the GPU. ` +
      'Run: losslens engine doctor',
  );
}

/** An engine with a GPU for each clone. */
async function loadForClones(choice: EngineChoice, clones: number): Promise<Engine> {
  if (choice === 'wasm') throw tooFewForClones(clones, '--engine=wasm computes on the CPU');
  const folder = findTensorFlowPackage();
  if (folder === undefined) {
    throw tooFewForClones(clones, 'TensorFlow, which uses GPUs, is not installed');
  }
  await chooseCloneGpus(clones, readCudaBuild(folder));
  const engine = await loadTensorFlowEngine();
  if (isNamedAfterGpu(engine)) return engine;
  throw tooFewForClones(clones, `the engine is ${engine.name}`);
}

/** Whether an engine computes on a GPU, as loadTensorFlowEngine names it. */
function isNamedAfterGpu({ name }: Engine): boolean {
  return /\(GPU(: .*)?\)$/.test(name);
}
