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
  const isThere = (name: string) => statsOf(join(folder, name))?.size;
  const selected = state?.inSitu?.previousSelection.length;
  const monitored = state?.inSitu?.monitor.history.items.size;
  const missing = [
    !isRecorded && 'run.json (flags are not compared with those before)',
    selected && !isThere(selectionsFile) && `${selectionsFile} (selections up to step ${step})`,
    monitored && !isThere(monitoringFile) && `${monitoringFile} (encounters up to step ${step})`,
    eventFiles(folder).length === 0 && 'event files (TensorBoard shows what comes from here on)',
  ].filter((each) => typeof each === 'string');
  if (missing.length === 0) return undefined;
  return `missing in ${folder}, and not made again: ${missing.join(', ')}`;
}
