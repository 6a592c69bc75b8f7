/** Python with TensorFlow and TensorBoard: the independent readers of what losslens writes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../src/packageRoot.ts';

/** The interpreter: $LOSSLENS_PYTHON, or python3. */
export const python: string = process.env['LOSSLENS_PYTHON'] ?? 'python3';

/** Why tests that import these modules are skipped, or false when they need not be. */
export function skipWithoutPython(...modules: readonly string[]): string | false {
  const names = JSON.stringify(modules);
  const script = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${names}))`;
  const { status } = spawnSync(python, ['-c', script]);
  return status === 0 ? false : `Python with ${modules.join(' and ')} is not installed`;
}

/** Of a program; a fork takes less than a second, many of them at once take longer. */
const timeLimitMs = 120_000;

/**
 * What to spawn python with so that it does `python ARGUMENT…`: where test/run.ts has a Python with
 * TensorFlow, a fork of that one.
 */
export function pythonArguments(...args: readonly string[]): string[] {
  const isServed = process.env['LOSSLENS_PYTHON_SERVER'] !== undefined;
  return [...(isServed ? [join(packageRoot, 'test/python/client.py')] : []), ...args];
}

/**
 * Runs a program as `python ARGUMENT…` does: forked from the Python of test/run.ts, which has
 * TensorFlow already, or where a test file runs alone, in a new one.
 *
 * @returns  what it prints
 * @throws Error  with its messages, when it fails or takes two minutes
 */
export function pythonOutput(...args: readonly string[]): string {
  const { status, error, stdout, stderr } = spawnSync(python, pythonArguments(...args), {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    maxBuffer: 1 << 28,
    timeout: timeLimitMs,
  });
  if (status !== 0) throw new Error(`${args[0]} failed: ${error ?? stderr}`);
  return stdout;
}

/**
 * Runs a script of test/python.
 *
 * @returns  what it prints, as JSON
 * @throws Error  with its messages, when it fails
 */
export function runPython(script: string, ...args: readonly string[]): unknown {
  return JSON.parse(pythonOutput(join(packageRoot, 'test/python', script), ...args));
}
