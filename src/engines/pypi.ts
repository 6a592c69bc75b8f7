/** TensorFlow from its Python wheels, which hold its C headers and libraries; no Python code of theirs is run. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { packageRoot } from '../packageRoot.ts';
import { removeLeftOut, withoutLeftOut } from './cudaLeftOut.ts';
import { findLibTensorFlow, type LibTensorFlow } from './libtensorflow.ts';
import { openPip, type UnpackWheel } from './pip.ts';
import { ProgramError } from './runProgram.ts';

/** The extra of TensorFlow's wheel that lists NVIDIA's wheels. */
const cudaExtra = 'and-cuda';

/** A Python that TensorFlow has wheels for, asked for where it has none for the user's. */
const fallbackPython = '3.12';

/** The versions that were tried, in pip's form. */
const constraintsFile = join(packageRoot, 'engine', 'constraints.txt');

/**
 * The requirements of one extra in a wheel's METADATA.
 *
 * @returns  as pip takes them, such as 'nvidia-cublas-cu12<13.0,>=12.5.3.2'; further conditions stay, for pip to judge
 */
export function readExtra(metadata: string, extra: string): string[] {
  const condition = new RegExp(`extra\\s*==\\s*(["'])${extra}\\1`);
  return metadata
    .split(/\r?\n/)
    .filter((line) => line.startsWith('Requires-Dist:') && condition.test(line))
    .map((line) => {
      const [requirement = '', markers = ''] = line.slice('Requires-Dist:'.length).split(';');
      const others = markers.replace(condition, 'python_version >= "3"').trim();
      return others === 'python_version >= "3"'
        ? requirement.trim()
        : `${requirement.trim()} ; ${others}`;
    });
}

const hasNoWheel = (error: unknown) =>
  error instanceof ProgramError &&
  error.stderr.includes('No matching distribution found') &&
  !error.stderr.includes('connection broken');

/** Which of PyPI's wheels are fetched. */
export interface WheelChoice {
  /** The GPU build with the NVIDIA wheels that its metadata names, else the smaller CPU build. */
  readonly cuda: boolean;
  /** The newest versions, else those that were tried (engine/constraints.txt). */
  readonly latest: boolean;
}

/** What was fetched. */
export interface FetchedTensorFlow extends LibTensorFlow {
  /** Wheels and versions, such as 'tensorflow_cpu-2.21.0'. */
  readonly wheels: readonly string[];
}

/**
 * Fetches TensorFlow's wheel with pip and unpacks it.
 *
 * @param folder     where to; made here
 * @param report     takes a line for each wheel
 * @throws UserError when there is no Python with pip, or pip fails
 */
export async function fetchFromPypi(
  folder: string,
  { cuda, latest }: WheelChoice,
  report: (line: string) => void,
  signal?: AbortSignal,
): Promise<FetchedTensorFlow> {
  const orElse = ', or use --from=official or --from=DIR';
  const unpack = await openPip({ folder, orElse, report, signal });
  const pinned = latest ? [] : (await readFile(constraintsFile, 'utf8')).split('\n');
  // The CPU build goes under this name on some platforms only.
  const names = cuda ? ['tensorflow'] : ['tensorflow-cpu', 'tensorflow'];
  // The libraries do not depend on the Python that a wheel is for.
  const attempts = names.flatMap((name) =>
    [[], [`--python-version=${fallbackPython}`]].map((flags) => ({ name, flags })),
  );
  try {
    for (const [index, { name, flags }] of attempts.entries()) {
      try {
        // As a constraint, a version that has no wheel here would read as a conflict.
        await unpack(pinned.find((line) => line.startsWith(`${name}==`)) ?? name, flags);
        break;
      } catch (error) {
        if (!hasNoWheel(error) || index === attempts.length - 1) throw error;
      }
    }
    if (cuda) await fetchNvidia(folder, latest, unpack);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(
      `pypi: got ${error.message}; expected pip to fetch ${names[0]}. ` +
        'Check the network and the settings of pip, or use --from=DIR',
    );
  }
  const found = findLibTensorFlow(folder);
  const wheels = (await readdir(folder))
    .filter((name) => name.endsWith('.dist-info'))
    .map((name) => name.replace(/\.dist-info$/, ''));
  if (found === undefined) {
    throw new UserError(
      `pypi: got ${wheels.join(', ')} without C headers and libtensorflow_cc; expected a newer TensorFlow. ` +
        'Update Python, or use --from=DIR',
    );
  }
  return { ...found, wheels };
}

/** Fetches NVIDIA's wheels: all of the newest ones, of those that were tried what training opens. */
async function fetchNvidia(folder: string, latest: boolean, unpack: UnpackWheel): Promise<void> {
  const requirements = await nvidiaRequirements(folder);
  const flags = latest ? [] : [`--constraint=${constraintsFile}`];
  for (const requirement of latest ? requirements : withoutLeftOut(requirements)) {
    await unpack(requirement, flags);
    if (!latest) await removeLeftOut(join(folder, 'nvidia'));
  }
}

async function nvidiaRequirements(folder: string): Promise<string[]> {
  const info = (await readdir(folder)).find((name) => /^tensorflow-.*\.dist-info$/.test(name));
  const metadata = await readFile(join(folder, info ?? '', 'METADATA'), 'utf8');
  const requirements = readExtra(metadata, cudaExtra);
  if (requirements.length === 0) {
    throw new UserError(
      `--cuda: got ${info} without the extra '${cudaExtra}'; expected TensorFlow's GPU build for Linux`,
    );
  }
  return requirements;
}
