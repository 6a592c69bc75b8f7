/** Replaces files as a whole. */
import { open, rename } from 'node:fs/promises';

/** Writes a file under a temporary name first, so that readers and crashes never see half of it. */
export async function replaceFile(path: string, content: string): Promise<void> {
  await replaceFileByParts(path, [content]);
}

/** The same for a file that is made part by part, so that it need not fit into one string. */
export async function replaceFileByParts(path: string, parts: Iterable<string>): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w');
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
