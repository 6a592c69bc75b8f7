/** What the processor can do. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

function readFlags(): string {
  if (existsSync('/proc/cpuinfo')) {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  }
  if (process.platform === 'darwin') {
    const keys = ['machdep.cpu.features', 'machdep.cpu.leaf7_features'];
    return execFileSync('sysctl', ['-in', ...keys], { encoding: 'utf8' }).toLowerCase();
  }
  return '';
}

/**
 * The processor's features as Linux names them: 'avx2', 'avx512f', 'avx512_bf16', 'amx_bf16', …
 *
 * @returns  none where the platform does not tell (Windows)
 */
export function cpuFeatures(): ReadonlySet<string> {
  return new Set(
    readFlags()
      .split(/\s+/)
      .filter((flag) => flag !== ''),
  );
}
