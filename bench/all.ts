/**
 * Runs the benches of speed one after the other, in less than 15 minutes (`npm run bench`).
 *
 *     node dist/bench/all.js [--out runs/bench] [--minutes 15]
 *
 * Writes what each printed as its JSON lines to OUT/benchmarks.jsonl, and the comparison with peers as tables in the form
 * of docs/benchmarks.md to OUT/benchmarks.md. A bench for which no time is left is left out, and one that takes
 * longer is ended; both are said.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/packageRoot.ts';
import { type PeersReport, peersTable } from './peersTable.ts';

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: join('runs', 'bench') },
    minutes: { type: 'string', default: '15' },
  },
});
const endMs = performance.now() + Number(flags.minutes) * 60_000;

/**
 * With the minutes that each has, so that none takes those of the others. Compiling ResNet-50 takes minutes: that is
 * for a run of bench/peers.ts on its own.
 */
const benches: readonly (readonly [minutes: number, ...command: string[]])[] = [
  [1, 'host.js', '--only', 'lenet'],
  [3, 'peers.js', '--only', 'cifarnet', '--seconds', '4'],
  [3, 'peers.js', '--only', 'lenet', '--seconds', '3'],
  [4, 'peers.js', '--only', 'resnet_v1_50', '--peers', '(float32|bfloat16)$'],
  [2, 'training.js', '--rounds', '1', '--only', 'precision'],
  [1, 'inSitu.js', '--only', 'paper, lenet'],
  [1, 'scores.js', '--rounds', '20'],
];

/** Runs a bench, showing what it prints. @returns its lines of JSON */
async function run(minutes: number, name: string, args: readonly string[]): Promise<string[]> {
  const leftMs = Math.min(minutes * 60_000, endMs - performance.now());
  console.log(`\n== ${[name, ...args].join(' ')}`);
  if (leftMs < 30_000) {
    console.log('left out: no time is left');
    return [];
  }
  // Each of its peers is reported, though there may be no time for all of them.
  const within = name === 'peers.js' ? ['--minutes', String(leftMs / 60_000 - 0.5)] : [];
  const command = [join(packageRoot, 'dist/bench', name), ...args, ...within];
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: leftMs,
  });
  const reports: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) reports.push(line);
    else console.log(line);
  }
  if (reports.length === 0) console.log('left out: it ended without a report');
  return reports;
}

const lines: string[] = [];
const tables: string[] = [];
mkdirSync(flags.out, { recursive: true });
for (const [minutes, name = '', ...args] of benches) {
  const reports = await run(minutes, name, args);
  lines.push(...reports);
  if (name === 'peers.js') {
    tables.push(...reports.map((line) => peersTable(JSON.parse(line) as PeersReport)));
  }
  writeFileSync(join(flags.out, 'benchmarks.jsonl'), lines.map((line) => `${line}\n`).join(''));
  writeFileSync(join(flags.out, 'benchmarks.md'), `${tables.join('\n\n')}\n`);
}
console.log(`\nwrote ${join(flags.out, 'benchmarks.jsonl')} and benchmarks.md`);
