/** Where real data sets lie, for the tests that need them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/**
 * Finds the folder of a data set in $LOSSLENS_TEST_DATA; skips the test where there is none.
 *
 * @param name  such as 'mnist'
 * @returns     its path, or null when the test is skipped
 */
export function realData(t: TestContext, name: string): string | null {
  const parent = process.env['LOSSLENS_TEST_DATA'];
  const folder = join(parent ?? '', name);
  if (parent !== undefined && existsSync(folder)) return folder;
  t.skip(`no ${name} in the folder that LOSSLENS_TEST_DATA names (${parent ?? 'not set'})`);
  return null;
}
