/** Runs Python for the tests that compare with what it reads and writes. */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

const python = process.env['LOSSLENS_PYTHON'] ?? 'python3';

/**
 * Runs a Python program; skips the test when Python or a module is missing.
 *
 * @param modules  that the program imports
 * @returns        what it printed, or null when the test is skipped
 * @throws Error   with Python's message when the program fails
 */
export function runPython(
  t: TestContext,
  modules: readonly string[],
  program: string,
  args: readonly string[],
): string | null {
  const check = spawnSync(python, ['-c', `import ${['sys', ...modules].join(', ')}`]);
  if (check.status !== 0) {
    t.skip(`${python} (LOSSLENS_PYTHON) has no ${modules.join(', ')}`);
    return null;
  }
  const { status, stdout, stderr } = spawnSync(python, ['-c', program, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
