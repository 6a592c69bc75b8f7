/** Files of JSON lines that grow with a run, and shrink to where a resumed run goes on. */
import { appendFile, readFile } from 'node:fs/promises';
import { writeError } from '../errors.ts';
import { replaceFile } from './replaceFile.ts';

/** Appends a line for each record. @throws UserError when the file cannot be written to */
export async function appendJsonLines(path: string, records: readonly unknown[]): Promise<void> {
  if (records.length === 0) return;
  try {
    await appendFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Whether a line is whole and of a step that was not lost. */
function isUpTo(line: string, step: number): boolean {
  try {
    return (JSON.parse(line) as { step: number }).step <= step;
  } catch {
    return false;
  }
}

/**
 * Drops the records of steps that are done again, and a line that was torn. A file that is not
 * there is left so.
 *
 * @param step  steps done: a record of a later `step` goes
 */
export async function dropLinesAfter(path: string, step: number): Promise<void> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const kept = text.split('\n').filter((line) => line !== '' && isUpTo(line, step));
  const result = kept.map((line) => `${line}\n`).join('');
  if (result !== text) await replaceFile(path, result);
}
