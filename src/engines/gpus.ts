/** The NVIDIA GPUs that the machine's driver reports. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProgramError, runProgram } from './runProgram.ts';

/** A GPU; what the driver does not say is absent. */
export interface Gpu {
  /** Such as 'NVIDIA H100 80GB HBM3'. */
  readonly name: string;
  /** Such as '81559 MiB'. */
  readonly memory?: string;
  /** Such as 9 or 7.5. */
  readonly computeCapability?: number;
}

/** "NVIDIA H100 (81559 MiB, compute capability 9.0)" */
export function describeGpu({ name, memory, computeCapability }: Gpu): string {
  const details = [
    ...(memory === undefined ? [] : [memory]),
    ...(computeCapability === undefined
      ? []
      : [`compute capability ${computeCapability.toFixed(1)}`]),
  ];
  return details.length === 0 ? name : `${name} (${details.join(', ')})`;
}

/** What the driver says. */
export interface DriverReport {
  /** None without a driver. */
  readonly gpus: readonly Gpu[];
  /** Such as '580.65.06'. */
  readonly version?: string;
  /** Set when there is a driver that does not work: its own words. */
  readonly failure?: string;
}

/** A driver that hangs does so for good. */
const limitSeconds = 5;

/** Asks nvidia-smi, or reads /proc/driver/nvidia where that program is not installed. */
export async function askDriver(): Promise<DriverReport> {
  try {
    return readAnswer(await queryDriver('name,memory.total,compute_cap,driver_version'));
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    return error.isMissing ? readProc('/proc/driver/nvidia') : { gpus: [], failure: error.message };
  }
}

async function queryDriver(fields: string): Promise<string> {
  const format = '--format=csv,noheader';
  try {
    return await runProgram('nvidia-smi', [`--query-gpu=${fields}`, format], { limitSeconds });
  } catch (error) {
    // Drivers before 470 do not tell the compute capability.
    if (!(error instanceof ProgramError && error.message.includes('not a valid field')))
      throw error;
    return await runProgram('nvidia-smi', ['--query-gpu=name', format], { limitSeconds });
  }
}

function readAnswer(answer: string): DriverReport {
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  const rows = lines.map((line) => line.split(',').map((field) => field.trim()));
  const version = rows[0]?.[3];
  return {
    gpus: rows.map(([name = '', memory, capability]) => ({
      name,
      ...(memory === undefined ? {} : { memory }),
      ...(capability === undefined ? {} : { computeCapability: Number(capability) }),
    })),
    ...(version === undefined ? {} : { version }),
  };
}

function readProc(folder: string): DriverReport {
  if (!existsSync(folder)) return { gpus: [] };
  const read = (...path: string[]) => {
    const file = join(folder, ...path);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  const version = /Kernel Module.*?\s(\d+\.[\d.]+)\s/.exec(read('version'))?.[1];
  const names = existsSync(join(folder, 'gpus')) ? readdirSync(join(folder, 'gpus')) : [];
  return {
    gpus: names.map((gpu) => ({
      name: /^Model:\s*(.+)$/m.exec(read('gpus', gpu, 'information'))?.[1]?.trim() ?? gpu,
    })),
    ...(version === undefined ? {} : { version }),
  };
}
