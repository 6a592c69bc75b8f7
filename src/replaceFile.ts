/** Replaces small files as a whole. */
import { rename, writeFile } from 'node:fs/promises';

/** Writes a file under a temporary name first, so that readers and crashes never see half of it. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, content, { flush: true });
  await rename(temporary, path);
}
