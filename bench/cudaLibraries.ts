/**
 * Whether each of NVIDIA's libraries that TensorFlow's GPU build asks for loads, of an engine that
 * `losslens engine install --cuda` has made (4 GB of downloads, so that this is no part of npm test).
 *
 *     LOSSLENS_HOME=DIR node dist/bench/cudaLibraries.js
 *
 * TensorFlow asks for them once it has seen a GPU. Without one it is made to: its own function that opens all of them is
 * called, and its log tells which it found. Then every library of the engine is loaded, for cuDNN and cuBLAS open some
 * later. One that needs the driver's libcuda.so.1 may fail where there is no driver. Prints a line for each library, at
 * last one JSON object; the exit code is 1 when one is missing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFolder } from '../src/engines/home.ts';
import { loadLibrary } from '../src/engines/loadLibrary.ts';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';

const deps = join(engineFolder(), 'node_modules', '@tensorflow', 'tfjs-node-gpu', 'deps');
const nvidia = join(deps, 'nvidia');

/** Calls TensorFlow's function as it is loaded. A type with a destructor is returned as absl::Status is. */
const source = `
namespace tsl::internal::DsoLoader {
struct Status { unsigned long representation; ~Status() {} };
Status TryDlopenCUDALibraries();
}
__attribute__((constructor)) static void ask() { tsl::internal::DsoLoader::TryDlopenCUDALibraries(); }
`;

/** In a process of its own, whose log is read: loads the engine, then what asks it, in the given folder. */
async function ask(folder: string): Promise<void> {
  const { name } = await loadTensorFlowEngine();
  const failure = loadLibrary(join(folder, 'ask.so'));
  if (failure !== undefined) throw new Error(`${name}: ${failure}`);
}

/** What TensorFlow's log says of each library that it asked for. */
function askTensorFlow(): { readonly opened: string[]; readonly missing: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'losslens-cuda-'));
  try {
    writeFileSync(join(folder, 'ask.cc'), source);
    const framework = join(deps, 'lib', 'libtensorflow_framework.so.2');
    const output = ['-o', join(folder, 'ask.so')];
    const compiled = spawnSync(
      process.env['CXX'] ?? 'c++',
      ['-std=c++17', '-shared', '-fPIC', join(folder, 'ask.cc'), framework, ...output],
      { encoding: 'utf8' },
    );
    if (compiled.status !== 0) throw new Error(compiled.stderr);
    const { status, stderr } = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), folder],
      {
        encoding: 'utf8',
        env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'dso_loader=1' },
      },
    );
    if (status !== 0) throw new Error(stderr);
    const named = (pattern: RegExp) => [
      ...new Set(Array.from(stderr.matchAll(pattern), ([, name]) => name!)),
    ];
    return {
      opened: named(/Successfully opened dynamic library (\S+)/g),
      missing: named(/Could not load dynamic library '([^']+)'/g),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function report(): void {
  const { opened, missing } = askTensorFlow();
  for (const name of opened) process.stdout.write(`${name}: TensorFlow opens it\n`);
  for (const name of missing) process.stdout.write(`${name}: TensorFlow does not find it\n`);
  const hasDriver = loadLibrary('libcuda.so.1') === undefined;
  let broken = missing.filter((name) => hasDriver || name !== 'libcuda.so.1').length;
  let needDriver = 0;
  const files = readdirSync(nvidia, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.so[.\d]*$/.test(file))
    .map((file) => join(nvidia, file));
  for (const file of files) {
    const reason = loadLibrary(file);
    if (reason === undefined) continue;
    const isForDriver = !hasDriver && reason.startsWith('libcuda.so.1: cannot open');
    if (isForDriver) needDriver++;
    else broken++;
    process.stdout.write(`${relative(nvidia, file)}: ${reason}\n`);
  }
  const libraries = { asked: opened.length, inEngine: files.length, needDriver, broken, hasDriver };
  process.stdout.write(`${JSON.stringify(libraries)}\n`);
  if (broken > 0 || opened.length === 0) process.exitCode = 1;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) report();
else await ask(folder);
