/** What a TensorFlow was built for, as the file says that its build leaves in every wheel. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file, in a wheel's tensorflow/python/platform and in an engine's deps. */
export const buildInfoFile = 'build_info.py';

/** A GPU build. */
export interface CudaBuild {
  /** The CUDA that it was compiled with, such as '12.5.1'. */
  readonly cuda: string;
  /** Such as '9'. */
  readonly cudnn: string;
  /** The GPUs that its kernels are compiled for, by compute capability, in ascending order. */
  readonly computeCapabilities: readonly number[];
}

/**
 * Reads what the TensorFlow of an engine was built for.
 *
 * @param packageFolder  the folder of tfjs-node-gpu
 * @returns              undefined for a CPU build, and where nothing tells
 */
export function readCudaBuild(packageFolder: string): CudaBuild | undefined {
  const file = join(packageFolder, 'deps', buildInfoFile);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  if (!/'is_cuda_build', True/.test(text)) return undefined;
  const versionOf = (key: string) => new RegExp(`'${key}', '([^']*)'`).exec(text)?.[1] ?? 'unknown';
  const targets = /'cuda_compute_capabilities', \[([^\]]*)\]/.exec(text)?.[1] ?? '';
  return {
    cuda: versionOf('cuda_version'),
    cudnn: versionOf('cudnn_version'),
    // sm_60, compute_90 or, as older builds have it, 6.0
    computeCapabilities: [...targets.matchAll(/(\d+)\.?(\d)/g)]
      .map(([, major, minor]) => Number(`${major}.${minor}`))
      .sort((a, b) => a - b),
  };
}
