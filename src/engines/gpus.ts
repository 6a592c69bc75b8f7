/** The NVIDIA GPUs that the machine's driver reports. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One GPU as the driver names it. */
export interface Gpu {
  /** Such as 'NVIDIA H100 80GB HBM3'. */
  readonly name: string;
}

/**
 * Lists the GPUs of the driver: from /proc/driver/nvidia (no process to start), else from nvidia-smi.
 *
 * @returns  none where there is no NVIDIA driver
 */
export function listGpus(): readonly Gpu[] {
  const folder = '/proc/driver/nvidia/gpus';
  if (existsSync(folder)) {
    return readdirSync(folder).map((gpu) => {
      const information = readFileSync(join(folder, gpu, 'information'), 'utf8');
      return { name: /^Model:\s*(.+)$/m.exec(information)?.[1]?.trim() ?? 'unknown' };
    });
  }
  const { status, stdout } = spawnSync(
    'nvidia-smi',
    ['--query-gpu=name', '--format=csv,noheader'],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) return [];
  const names = stdout.split('\n').map((line) => line.trim());
  return names.filter((name) => name !== '').map((name) => ({ name }));
}
