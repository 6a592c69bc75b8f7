/** Installs libtensorflow and the package that drives it, all or nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { lstat, readdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { Cleanup } from '../cleanup.ts';
import { NoEngineError, UsageError, UserError, unreadable } from '../errors.ts';
import { beginFolder, replaceFolder } from '../files/replaceFolder.ts';
import { packageRoot } from '../packageRoot.ts';
import { compileAddon, expectCompiler } from './addon.ts';
import { engineFolder } from './home.ts';
import { findLibTensorFlow, type LibTensorFlow, placeLibraries } from './libtensorflow.ts';
import { probeEngine } from './probe.ts';
import { fetchFromPypi, type WheelChoice } from './pypi.ts';
import { ProgramError, runProgram } from './runProgram.ts';
import { packageFolderIn, packageName } from './tensorflowPackage.ts';

/** What to install. */
export interface InstallOptions {
  /**
   * Where libtensorflow comes from: 'pypi' (TensorFlow's wheel), 'official' (the download of tfjs-node-gpu itself,
   * TensorFlow 2.9.1) or a folder that has it. Without it 'pypi' is tried, then 'official'.
   */
  readonly from?: string | undefined;
  /** The GPU build of PyPI with NVIDIA's libraries. */
  readonly cuda?: boolean;
  /** PyPI's newest versions, else those that were tried. */
  readonly latest?: boolean;
  /** Nothing is asked of the network: libtensorflow is in the folder `from`, the package in npm's cache. */
  readonly offline?: boolean;
  /** Takes one line for each step. */
  readonly report: (line: string) => void;
  /** Ends the install and removes what it has written. */
  readonly signal?: AbortSignal;
}

/** What lies in an installed engine, kept beside it in engine.json. */
export interface InstalledEngine {
  /** 'pypi', 'official' or a folder */
  readonly source: string;
  /** Name and version of each wheel. */
  readonly wheels: readonly string[];
  /** Such as 'tensorflow 2.21.0 (CPU)', on the machine and at the time of its install. */
  readonly name: string;
}

const manifestFile = 'engine.json';

/**
 * Reads what `installEngine` has installed.
 *
 * @returns  undefined when there is nothing
 * @throws UserError  when engine.json cannot be read or says something else
 */
export function readInstalledEngine(): InstalledEngine | undefined {
  const file = join(engineFolder(), manifestFile);
  if (!existsSync(file)) return undefined;
  let installed: InstalledEngine | null;
  try {
    installed = JSON.parse(readFileSync(file, 'utf8')) as InstalledEngine | null;
  } catch (error) {
    throw unreadable(file, error);
  }
  if (Array.isArray(installed?.wheels)) return installed!;
  throw new UserError(`${file}: does not say what is installed.`);
}

/**
 * Installs the engine into `engineFolder()`, in place of one that is there. Everything is built and tried in a
 * folder beside it, which is renamed at the very end; so whatever stops the install, the engine that was there
 * before stays, or none.
 *
 * @returns  what was installed
 * @throws UsageError     for a source that is none, or that is on the network with `offline`
 * @throws NoEngineError  when `offline` and npm's cache lacks the package
 * @throws UserError   when there is no room, another process installs, or every source fails (one line for each)
 * @throws something else, such as the signal's reason, when that is aborted before the end
 */
export async function installEngine(options: InstallOptions): Promise<InstalledEngine> {
  const { from, cuda = false, latest = false, offline = false, report, signal } = options;
  const sources = chooseSources(from, { cuda, latest });
  if (offline && sources[0]!.found === undefined) {
    throw new UsageError(
      `--offline: got ${from === undefined ? 'no --from' : `--from=${from}`}; expected --from=DIR, ` +
        'the folder of a pip-installed TensorFlow or an unpacked libtensorflow. Other sources are on the network',
    );
  }
  const use = { command: 'engine install', setting: 'LOSSLENS_HOME', signal };
  const bytes = bytesWhileInstalling(sources[0]!, { cuda, latest });
  const target = engineFolder();
  return await Cleanup.after(async (cleanup) => {
    const folder = await beginFolder(target, bytes, use, cleanup);
    report(`Installing into ${target}`);
    const build = beginBuild(folder, report, signal);
    await addPackage(build, offline);
    const installed = await addFirstThatRuns(build, sources, { cuda, latest });
    await writeFile(join(folder, manifestFile), `${JSON.stringify(installed, null, 2)}\n`);
    await replaceFolder(folder, target);
    return installed;
  });
}

/** Where libtensorflow comes from. */
interface Source {
  /** 'pypi', 'official' or a folder */
  readonly name: string;
  /** What was found in the folder. */
  readonly found?: LibTensorFlow;
}

function chooseSources(from: string | undefined, { cuda, latest }: WheelChoice): readonly Source[] {
  const isLinux = process.platform === 'linux';
  if (!isLinux && (cuda || from === 'pypi')) {
    throw new UsageError(
      `${cuda ? '--cuda' : '--from'}: got the platform ${process.platform}; expected linux, ` +
        'for which the wheels have libtensorflow. Use --from=official or --from=DIR',
    );
  }
  if ((cuda || latest) && from !== undefined && from !== 'pypi') {
    const flag = cuda ? '--cuda' : '--latest';
    throw new UsageError(
      `${flag}: got --from=${from}; expected --from=pypi, whose wheels ${flag} chooses`,
    );
  }
  if (from === undefined) {
    const all = isLinux ? ['pypi', 'official'] : ['official'];
    return (cuda || latest ? ['pypi'] : all).map((name) => ({ name }));
  }
  if (from === 'pypi' || from === 'official') return [{ name: from }];
  const folder = resolve(from);
  if (!existsSync(folder)) {
    throw new UsageError(`--from: got "${from}"; expected pypi, official or a folder that exists`);
  }
  const found = findLibTensorFlow(folder);
  if (found === undefined) {
    throw new UsageError(
      `--from: got ${folder} without libtensorflow and its C headers; expected the folder of a ` +
        'pip-installed TensorFlow, of its virtual environment or of an unpacked libtensorflow',
    );
  }
  return [{ name: folder, found }];
}

/** Disk that was seen taken at most while an engine is installed, in bytes (docs/gpu.md). */
function bytesWhileInstalling({ name }: Source, { cuda, latest }: WheelChoice): number {
  if (name !== 'pypi') return 0.4e9;
  if (!cuda) return 2e9;
  return latest ? 7.2e9 : 6e9;
}

/** A folder in which an engine grows. */
interface Build {
  readonly folder: string;
  /** The folder of tfjs-node-gpu in it. */
  readonly packageFolder: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal | undefined;
  /** Does one step of the build and reports its beginning and its end. */
  step<T>(label: string, what: string, work: () => Promise<T>): Promise<T>;
}

function beginBuild(
  folder: string,
  report: (line: string) => void,
  signal: AbortSignal | undefined,
): Build {
  const step = async <T>(label: string, what: string, work: () => Promise<T>): Promise<T> => {
    report(`${label}: ${what}`);
    const start = performance.now();
    const result = await work();
    signal?.throwIfAborted();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const megabytes = ((await countBytes(folder)) / 1e6).toFixed(0);
    report(`${label}: done in ${seconds} s; ${megabytes} MB so far`);
    return result;
  };
  return { folder, packageFolder: packageFolderIn(folder), report, signal, step };
}

async function addFirstThatRuns(
  build: Build,
  sources: readonly Source[],
  choice: WheelChoice,
): Promise<InstalledEngine> {
  const { packageFolder, report, signal, step } = build;
  const failures: string[] = [];
  for (const source of sources) {
    report(`Source: ${source.name}`);
    try {
      const wheels = await addLibTensorFlow(build, source, choice);
      const { name, failure } = await step('check', 'running a graph', () =>
        probeEngine(packageFolder, signal),
      );
      if (name !== undefined) return { source: source.name, wheels, name };
      throw new UserError(`${source.name}: got an engine that runs no graph: ${failure}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push(error.message);
      if (failures.length < sources.length) report(error.message);
      for (const leftover of ['deps', 'lib']) {
        await rm(join(packageFolder, leftover), { recursive: true, force: true });
      }
    }
  }
  throw new UserError(failures.join('; '));
}

/** The version of the package that losslens asks for, in its package.json. */
function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  return manifest.optionalDependencies[packageName] ?? 'latest';
}

/** Adds the package without running its install script, which fails on today's machines. */
async function addPackage({ folder, step, signal }: Build, offline: boolean): Promise<void> {
  const spec = `${packageName}@${packageVersion()}`;
  const from = offline ? '--offline' : '--prefer-offline';
  // Also offline, npm would ask whether there is a newer npm.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', from];
  await step('npm', spec, async () => {
    try {
      await runProgram('npm', ['install', '--prefix', folder, ...flags, spec], { signal });
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      if (offline) {
        throw new NoEngineError(
          `--offline: got ${error.message}; expected ${spec} and what it depends on in npm's cache. ` +
            'Install once with a network, which fills it',
        );
      }
      throw new UserError(`npm: got ${error.message}; expected npm to fetch ${spec}`);
    }
  });
}

/** Adds libtensorflow and an addon for it; returns the wheels that were used. */
async function addLibTensorFlow(
  build: Build,
  source: Source,
  choice: WheelChoice,
): Promise<readonly string[]> {
  const { folder, packageFolder, report, signal, step } = build;
  if (source.name !== 'official') await expectCompiler();
  const compile = (placed: LibTensorFlow) =>
    step('compiler', 'the addon', () => compileAddon(packageFolder, placed, signal));
  if (source.found !== undefined) {
    await compile(await placeLibraries(source.found, packageFolder, 'link'));
    return [];
  }
  if (source.name === 'official') {
    const what =
      'libtensorflow and its addon, by the script of the package, which checks no hashes';
    await step('download', what, () => runInstallScript(build));
    return [];
  }
  const wheelFolder = join(folder, 'wheels');
  const what = choice.cuda ? "TensorFlow's GPU build and NVIDIA's libraries" : 'TensorFlow';
  try {
    const fetched = await step('pip', what, () =>
      fetchFromPypi(wheelFolder, choice, report, signal),
    );
    await compile(await placeLibraries(fetched, packageFolder, 'move'));
    return fetched.wheels;
  } finally {
    await rm(wheelFolder, { recursive: true, force: true });
  }
}

async function runInstallScript({ folder, packageFolder, report, signal }: Build): Promise<void> {
  const binaries = join(folder, 'node_modules', '.bin');
  try {
    await runProgram(process.execPath, ['scripts/install.js', 'gpu', 'download'], {
      cwd: packageFolder,
      env: { PATH: `${binaries}${delimiter}${process.env['PATH'] ?? ''}` },
      signal,
      report,
    });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(
      `official: got ${error.message}; expected the script of ${packageName} to fetch libtensorflow. ` +
        'Check the network, or use --from=pypi or --from=DIR',
    );
  }
}

/** Bytes of the files at a path, not of those that links lead to. */
async function countBytes(path: string): Promise<number> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) return stats.isFile() ? stats.size : 0;
  let bytes = 0;
  for (const name of await readdir(path)) bytes += await countBytes(join(path, name));
  return bytes;
}
