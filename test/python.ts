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
  return status === 0 ? false : `${python} with ${modules.join(' and ')} is not installed`;
}

/**
 * Runs a script of test/python.
 *
 * @returns  what it prints, as JSON
 * @throws Error  with its messages, when it fails
 */
export function runPython(script: string, ...args: readonly string[]): unknown {
  const path = join(packageRoot, 'test/python', script);
  const { status, stdout, stderr } = spawnSync(python, [path, ...args], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${script} failed: ${stderr}`);
  return JSON.parse(stdout);
}
