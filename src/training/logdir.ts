/** The folder that TensorBoard is told to look into. */
import { dirname, isAbsolute } from 'node:path';

/**
 * Where TensorBoard is to look: the folder of the runs where a run lies in one, such as `runs/lenet`.
 * The folder that an absolute path lies in may hold anything else.
 */
export function logdirOf(trainDir: string): string {
  const parent = dirname(trainDir);
  return isAbsolute(trainDir) || parent === '.' ? trainDir : parent;
}
