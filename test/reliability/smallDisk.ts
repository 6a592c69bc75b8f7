/** A run on a disk of its own that is small: a tmpfs where one may be mounted, else one that is played. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/packageRoot.ts';
import type { CommandResult } from '../losslens.ts';
import type { Disk } from './faultyDisk.ts';

const program = join(packageRoot, 'dist/bin/losslens.cjs');

/** The environment of a run on a faulty disk. */
export function envOf(disk: Disk): Record<string, string> {
  const hook = pathToFileURL(join(packageRoot, 'dist/test/reliability/faultyDisk.js')).href;
  return {
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${hook}`,
    LOSSLENS_DISK: JSON.stringify(disk),
  };
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { code: status, stdout, stderr };
}

/**
 * Runs losslens where `--train_dir` is `run` on a disk of so many KiB. The mount is gone with the process;
 * what it held is copied then.
 *
 * @param args  with '--train_dir=' left out
 * @param kept  where the run's folder is found afterwards
 */
export function losslensOnSmallDisk(
  kibibytes: number,
  folder: string,
  kept: string,
  args: readonly string[],
): CommandResult & { readonly isMounted: boolean } {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const trainDir = join(disk, 'run');
  const given = [program, ...args, `--train_dir=${trainDir}`];
  const mount = `mount -t tmpfs -o size=${kibibytes}k tmpfs "${disk}"`;
  // Who is not root may mount in a world of users of their own, where there are such.
  for (const world of [['-m'], ['-r', '-m']]) {
    const probe = run('unshare', [...world, 'sh', '-c', mount], {});
    if (probe.code !== 0) continue;
    const script = `${mount} && { "$0" "$@"; code=$?; cp -a "${trainDir}" "${kept}"; exit $code; }`;
    const shell = [...world, 'sh', '-c', script, process.execPath, ...given];
    return { ...run('unshare', shell, {}), isMounted: true };
  }
  const env = envOf({ room: { folder: disk, bytes: 1024 * kibibytes } });
  const result = run(process.execPath, given, env);
  cpSync(trainDir, kept, { recursive: true });
  return { ...result, isMounted: false };
}
