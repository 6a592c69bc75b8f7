/** The parts of TensorFlow that the addon needs: its C headers and shared libraries. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { copyFile, rename, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../files/makeFolder.ts';
import { buildInfoFile } from './build.ts';

/** Where they lie. */
export interface LibTensorFlow {
  /** Folder with `tensorflow/c/c_api.h`. */
  readonly include: string;
  /** libtensorflow_cc.so.2 or libtensorflow.so.2, and libtensorflow_framework.so.2 */
  readonly libraries: readonly string[];
  /** The file that says what it was built for, where there is one. */
  readonly buildInfo?: string;
  /** The folder 'nvidia' of NVIDIA's wheels, where it lies beside TensorFlow. */
  readonly nvidia?: string;
}

/** Named as the loader asks for them, with the major version. */
const libraryPattern = /^libtensorflow(_cc|_framework)?\.so\.\d+$/;

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/**
 * Finds TensorFlow in a folder of any of these kinds: the package `tensorflow` that pip unpacks, the site-packages
 * that holds it, the virtual environment that holds that, or an unpacked libtensorflow archive.
 *
 * @returns  undefined when headers or libraries are missing
 */
export function findLibTensorFlow(folder: string): LibTensorFlow | undefined {
  const sitePackages = list(join(folder, 'lib'))
    .filter((name) => /^python3/.test(name))
    .map((name) => join(folder, 'lib', name, 'site-packages'));
  const packages = [folder, ...[folder, ...sitePackages].map((site) => join(site, 'tensorflow'))];
  const candidates = [
    ...packages.map((path) => ({ lib: path, include: join(path, 'include') })),
    { lib: join(folder, 'lib'), include: join(folder, 'include') },
  ];
  for (const { lib, include } of candidates) {
    const libraries = list(lib).filter((name) => libraryPattern.test(name));
    if (libraries.length < 2 || !existsSync(join(include, 'tensorflow', 'c', 'c_api.h'))) continue;
    const nvidia = join(dirname(lib), 'nvidia');
    const buildInfo = join(lib, 'python', 'platform', buildInfoFile);
    return {
      include,
      libraries: libraries.map((name) => join(lib, name)),
      ...(existsSync(buildInfo) ? { buildInfo } : {}),
      ...(existsSync(nvidia) ? { nvidia } : {}),
    };
  }
  return undefined;
}

/**
 * Puts the libraries where the addon looks for them: `deps/lib`, and `deps/nvidia` beside it, so that TensorFlow
 * finds NVIDIA's compiler at the same relative path as in site-packages.
 *
 * @param packageFolder  the folder of tfjs-node-gpu
 * @param how            'move' them there, or 'link' to where they stay
 * @returns              the same parts at their new places; the headers stay
 */
export async function placeLibraries(
  { include, libraries, buildInfo, nvidia }: LibTensorFlow,
  packageFolder: string,
  how: 'move' | 'link',
): Promise<LibTensorFlow> {
  const deps = join(packageFolder, 'deps');
  const place = (from: string, to: string) =>
    how === 'move' ? rename(from, to) : symlink(realpathSync(from), to);
  await makeFolder(join(deps, 'lib'));
  const placed: string[] = [];
  for (const library of libraries) {
    const to = join(deps, 'lib', basename(library));
    await place(library, to);
    placed.push(to);
  }
  if (buildInfo !== undefined) await copyFile(buildInfo, join(deps, buildInfoFile));
  if (nvidia !== undefined) await place(nvidia, join(deps, 'nvidia'));
  return { include, libraries: placed };
}
