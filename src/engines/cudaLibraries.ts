/** Puts NVIDIA's libraries on TensorFlow's way. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadLibrary } from './loadLibrary.ts';

/** The libraries that TensorFlow opens by name, and those that they need, needed ones first. */
const libraryNames = [
  'cudart',
  'nvrtc',
  'nvJitLink',
  'cublasLt',
  'cublas',
  'cupti',
  'cufft',
  'curand',
  'cusparse',
  'cusolver',
  'nccl',
  'cudnn',
];

/** A library that is there but does not load. */
export interface BrokenLibrary {
  readonly file: string;
  /** What the loader says. */
  readonly reason: string;
}

/**
 * Loads the CUDA libraries of NVIDIA's wheels into this process.
 *
 * TensorFlow opens them by their bare names ('libcudnn.so.9'), for which the loader looks in the run path that
 * the wheel was built with and in LD_LIBRARY_PATH as it was when the process began. A library that is loaded
 * already is found by its name without any path, so loading each by its full path depends on neither, and
 * needs no second process.
 *
 * @param folder  the wheels' folder 'nvidia', with `<component>/lib/lib<name>.so.<version>`
 * @returns       those that do not load; one that is not there is TensorFlow's to miss
 */
export function preloadCudaLibraries(folder: string): readonly BrokenLibrary[] {
  const files = readdirSync(folder)
    .flatMap((component) => listFiles(join(folder, component, 'lib')))
    .filter((file) => /\.so\.\d+$/.test(file));
  const broken: BrokenLibrary[] = [];
  for (const name of libraryNames) {
    for (const file of files.filter((path) => path.includes(`/lib${name}.so.`))) {
      const reason = loadLibrary(file);
      if (reason !== undefined) broken.push({ file, reason });
    }
  }
  return broken;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder).map((file) => join(folder, file));
  } catch {
    return [];
  }
}
