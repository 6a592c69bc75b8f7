/** Compiles the addon of tfjs-node-gpu against a given TensorFlow. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { packageRoot } from '../packageRoot.ts';
import type { LibTensorFlow } from './libtensorflow.ts';
import { ProgramError, runProgram } from './runProgram.ts';

/** The newest Node-API that the package knows; every Node that losslens runs on offers it. */
const nodeApiVersion = 8;

const addonFolder = (packageFolder: string) =>
  join(packageFolder, 'lib', `napi-v${nodeApiVersion}`);

/** Where `compileAddon` puts engine/quiet_log.cc; an engine of another source has none. */
export function quietLogIn(packageFolder: string): string {
  return join(addonFolder(packageFolder), 'quiet_log.so');
}

const compiler = () => process.env['CXX'] ?? 'c++';

/** @throws UserError  when there is no C++ compiler; to be asked before anything is downloaded */
export async function expectCompiler(): Promise<void> {
  try {
    await runProgram(compiler(), ['--version'], { limitSeconds: 60 });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(
      `compiler: got ${error.message}; expected a C++17 compiler to build TensorFlow's addon with. ` +
        'Install one (on Debian and Ubuntu: apt install g++), or name yours in $CXX',
    );
  }
}

/**
 * Compiles the package's unmodified sources with the system's C++ compiler (`$CXX`, else c++).
 *
 * Node-API is stable across versions of Node, so one addon serves them all, and its headers come from a package:
 * neither node-gyp nor a download of Node's headers is needed.
 *
 * @param packageFolder  the folder of tfjs-node-gpu, with the libraries in deps/lib
 * @throws UserError     when the compiler fails
 */
export async function compileAddon(
  packageFolder: string,
  { include, libraries }: LibTensorFlow,
  signal?: AbortSignal,
): Promise<void> {
  const require = createRequire(import.meta.url);
  const { include_dir: nodeApiHeaders } = require('node-api-headers') as { include_dir: string };
  const folder = addonFolder(packageFolder);
  await makeFolder(folder);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'];
  try {
    await runProgram(
      compiler(),
      [
        ...['-std=c++17', '-O2', '-shared', '-fPIC', `-DNAPI_VERSION=${nodeApiVersion}`],
        ...[`-I${nodeApiHeaders}`, `-I${include}`],
        ...sources.map((source) => join(packageFolder, 'binding', source)),
        ...libraries,
        '-Wl,-rpath,$ORIGIN/../../deps/lib',
        ...['-o', join(folder, 'tfjs_binding.node')],
      ],
      { signal },
    );
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(
      `compiler: got ${error.message}; expected the addon to compile against ${include}`,
    );
  }
  // Older TensorFlows keep to TF_CPP_MIN_LOG_LEVEL, and have no such headers.
  if (existsSync(join(include, 'absl', 'log', 'internal', 'globals.h'))) {
    await compileQuietLog(packageFolder, include, signal);
  }
}

async function compileQuietLog(packageFolder: string, include: string, signal?: AbortSignal) {
  const source = join(packageRoot, 'engine', 'quiet_log.cc');
  const flags = ['-std=c++17', '-O2', '-shared', '-fPIC', `-I${include}`];
  try {
    await runProgram(compiler(), [...flags, source, '-o', quietLogIn(packageFolder)], { signal });
  } catch (error) {
    // An engine that says more than it should is better than none.
    if (!(error instanceof ProgramError)) throw error;
  }
}
