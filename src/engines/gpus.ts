/** The NVIDIA GPUs that the machine's driver reports. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the driver says. */
export interface DriverReport {
  /** Names such as 'NVIDIA H100 80GB HBM3', one for each GPU; none without a driver. */
  readonly gpus: readonly string[];
  /** Set when there is a driver that does not work: its own words. */
  readonly failure?: string;
}

/** Asks nvidia-smi, or reads /proc/driver/nvidia where that program is not installed. */
export function askDriver(): DriverReport {
  const query = ['--query-gpu=name', '--format=csv,noheader'];
  const { error, status, stdout, stderr } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  if (error !== undefined) return { gpus: readProc('/proc/driver/nvidia/gpus') };
  const lines = `${stdout}\n${stderr}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return status === 0 ? { gpus: lines } : { gpus: [], failure: lines.join(' ') };
}

function readProc(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((gpu) => {
    const information = readFileSync(join(folder, gpu, 'information'), 'utf8');
    return /^Model:\s*(.+)$/m.exec(information)?.[1]?.trim() ?? gpu;
  });
}
