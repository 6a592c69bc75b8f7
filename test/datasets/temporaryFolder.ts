/** Folders for one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Makes an empty folder that is removed when the test ends. @returns its path */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'losslens-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
