/** Which engine runs a command. */
import { NoEngineError } from '../errors.ts';
import type { Engine } from './engine.ts';
import { loadTensorFlowEngine } from './tensorflow.ts';

/** How to get each engine, the fastest first. */
const loaders = {
  tensorflow: loadTensorFlowEngine,
  // Its kernels take half a second to load; who trains on TensorFlow does not need them.
  wasm: async () => (await import('./wasm/wasmEngine.ts')).createWasmEngine(),
} satisfies Record<string, () => Promise<Engine>>;

/** How many times as fast as WebAssembly TensorFlow trains on two cores at least (docs/benchmarks.md). */
const tensorFlowSpeedup = 4;

/** The value of --engine: the name of one engine, or 'auto' for the fastest that works here. */
export type EngineChoice = 'auto' | keyof typeof loaders;

/** Every value of --engine. */
export const engineChoices = ['auto', ...Object.keys(loaders)] as readonly EngineChoice[];

/**
 * Loads the engine of one's choice.
 *
 * @param onCpu  hides GPUs from it (--clone_on_cpu)
 * @returns  the engine and, for people and run.json, why it was taken
 * @throws NoEngineError  when it cannot run here; with 'auto', when none can (every engine says why)
 */
export async function selectEngine(
  choice: EngineChoice,
  onCpu = false,
): Promise<{ engine: Engine; reason: string }> {
  // CUDA looks at it when it is loaded.
  if (onCpu) process.env['CUDA_VISIBLE_DEVICES'] = '-1';
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
