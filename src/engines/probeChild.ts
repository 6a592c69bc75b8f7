/** The child process of `probeEngine`: loads the engine of the folder in its argument and reports what it saw. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Graph } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import { add } from '../graph/ops/math.ts';
import { readCudaBuild } from './build.ts';
import { preloadCudaLibraries } from './cudaLibraries.ts';
import { loadLibrary } from './loadLibrary.ts';
import type { ProbeMessage } from './probe.ts';
import { HandOverError, loadTensorFlowPackage } from './tensorflow.ts';
import { NoProcError } from './tensorflowPackage.ts';

async function tryEngine(packageFolder: string): Promise<string> {
  const engine = await loadTensorFlowPackage(packageFolder);
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [-1], 'x');
  const session = await engine.load(graph, {
    increment: { inputs: { x }, outputs: { y: add(x, 1) } },
  });
  const { y } = await session.run('increment', { x: { data: Float32Array.of(1, 2), shape: [2] } });
  await session.close();
  if (y?.data.join() !== '2,3') {
    throw new Error(`${engine.name}: got ${y?.data.join()} for [1,2] + 1`);
  }
  return engine.name;
}

async function probe(packageFolder: string): Promise<ProbeMessage> {
  let outcome: Pick<ProbeMessage, 'name' | 'failure' | 'fix'>;
  try {
    outcome = { name: await tryEngine(packageFolder) };
  } catch (error) {
    const known = [HandOverError, NoProcError].find((each) => error instanceof each);
    outcome = {
      failure: error instanceof Error ? error.message : String(error),
      ...(known === undefined ? {} : { fix: known.fix }),
    };
  }
  // The engine has loaded them already; once more tells which ones it could not.
  const nvidia = join(packageFolder, 'deps', 'nvidia');
  const brokenLibraries = existsSync(nvidia) ? preloadCudaLibraries(nvidia) : [];
  const isGpuBuild = readCudaBuild(packageFolder) !== undefined;
  const driverFailure = isGpuBuild ? loadLibrary('libcuda.so.1') : undefined;
  return { ...outcome, brokenLibraries, ...(driverFailure === undefined ? {} : { driverFailure }) };
}

const message = await probe(process.argv[2] ?? '');
process.send?.(message, undefined, undefined, () => process.disconnect());
