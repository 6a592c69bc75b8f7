/** What a run that goes on lacks of what it wrote before its checkpoint. */
import { join } from 'node:path';
import { eventFiles } from '../events/readEvents.ts';
import { statsOf } from '../files/statsOf.ts';
import { monitoringFile } from '../recording/itemMonitor.ts';
import { selectionsFile } from '../runFiles/selectionFiles.ts';
import type { RestoredRun } from './checkpointing.ts';

/**
 * Compares the files of a run with its checkpoint.
 *
 * @param isRecorded  whether run.json is there
 * @returns           a line for people; undefined when nothing is missing
 */
export function missingFiles(
  folder: string,
  { step, state }: Pick<RestoredRun, 'step' | 'state'>,
  isRecorded: boolean,
): string | undefined {
  const inSitu = state?.inSitu;
  const lacks = (name: string, what: string, bytes = 0) => {
    const found = statsOf(join(folder, name))?.size ?? 0;
    if (found >= bytes) return undefined;
    const part = found === 0 ? '' : `${bytes - found} of ${bytes} bytes of `;
    return `${part}${name} (${what} up to step ${step})`;
  };
  const missing = [
    !isRecorded && 'run.json (flags are not compared with those before)',
    lacks(selectionsFile, 'selections', inSitu?.selectionsBytes),
    lacks(monitoringFile, 'encounters', inSitu?.monitor.fileBytes),
    eventFiles(folder).length === 0 && 'event files (TensorBoard shows what comes from here on)',
  ].filter((each) => typeof each === 'string');
  if (missing.length === 0) return undefined;
  return `missing in ${folder}, and not made again: ${missing.join(', ')}`;
}
