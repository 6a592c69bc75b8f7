/** Makes losslens' folder ready for an install: it can be written, has room and holds no leftovers. */
import { accessSync, constants, readdirSync } from 'node:fs';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, UserError } from '../errors.ts';
import { losslensHome } from './home.ts';

/**
 * Makes the folder and removes what installs that were killed have left in it.
 *
 * @param bytes  that are going to be written
 * @throws UserError  when it cannot be written, or its file system has less room
 */
export async function prepareHome(bytes: number): Promise<void> {
  const home = losslensHome();
  try {
    await mkdir(home, { recursive: true });
    accessSync(home, constants.W_OK);
  } catch (error) {
    throw new UserError(
      `engine install: cannot write into ${home} (${reasonOf(error)}); expected a folder ` +
        'of yours. Set LOSSLENS_HOME to one',
    );
  }
  await removeLeftovers();
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  if (free < bytes) {
    const gigabytes = (size: number) => `${(size / 1e9).toFixed(1)} GB`;
    throw new UserError(
      `engine install: ${home} has ${gigabytes(free)} free; expected ${gigabytes(bytes)} (${bytes} bytes) ` +
        'to install with. Free some, or set LOSSLENS_HOME to a folder of another disk',
    );
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(losslensHome())) {
    const processId = /^engine\.(?:partial|replaced)-(\d+)$/.exec(name)?.[1];
    if (processId !== undefined && !isRunning(Number(processId))) {
      await rm(join(losslensHome(), name), { recursive: true, force: true });
    }
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
