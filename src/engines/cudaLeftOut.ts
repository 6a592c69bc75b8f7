/** What of NVIDIA's wheels training never opens; docs/gpu.md tells how that was found. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Random numbers of its own, operations over several GPUs, profiles. */
const wheelsLeftOut = /^nvidia-(curand|nccl|cuda-cupti)-cu\d+\b/;

/** What compilers need, and libraries that neither TensorFlow nor another library opens. */
const filesLeftOut = [
  /\/include$/,
  /\.a$/,
  /\/libcusolverMg\.so\.\d+$/,
  /\/libcufftw\.so\.\d+$/,
  /\/libnvblas\.so\.\d+$/,
  /\/libnvrtc(-builtins)?\.alt\.so\.[\d.]+$/,
  /\/libnvvm\.so$/,
];

/** The requirements, in pip's form, that training needs. */
export function withoutLeftOut(requirements: readonly string[]): string[] {
  return requirements.filter((requirement) => !wheelsLeftOut.test(requirement));
}

/**
 * Removes the files that training needs as little as the wheels that are left out.
 *
 * @param folder  the wheels' folder 'nvidia'
 */
export async function removeLeftOut(folder: string): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    if (!filesLeftOut.some((pattern) => pattern.test(path))) continue;
    await rm(join(folder, path), { recursive: true, force: true });
  }
}
