/** Runs Python for the tests that compare with what it reads and writes. */
import type { TestContext } from 'node:test';
import { pythonOutput, skipWithoutPython } from '../python.ts';

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
  const skip = skipWithoutPython(...modules);
  if (skip === false) return pythonOutput('-c', program, ...args);
  t.skip(skip);
  return null;
}
