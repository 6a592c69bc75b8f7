/**
 * Tries all readers with new input for some minutes and prints one line of JSON: what was tried, what
 * failed and how to see it again. `npm run fuzz -- --minutes 10 [--seed N] [--format TEXT]`, of those
 * whose names hold the text
 */
import { parseArgs } from 'node:util';
import { formats } from './formats.ts';
import { peakBytes, type Tried, tryFormat } from './hostile.ts';

/** Inputs of one format before the next has its turn. */
const runsPerTurn = 250;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    format: { type: 'string', default: '' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const tried = formats.filter(({ name }) => name.includes(values.format));
if (!(minutes > 0) || !Number.isInteger(seed) || tried.length === 0) {
  process.stderr.write(
    `--minutes: expected a number; --seed: a whole number; --format: a part of one of ${formats.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

const endMs = performance.now() + 60_000 * minutes;
const before = peakBytes();
const totals: Record<string, { inputs: number; refused: number; slowestMs: number }> = {};
const failures: Pick<Tried, 'format' | 'failure'>[] = [];
for (let turn = 0; performance.now() < endMs; turn++) {
  for (const format of tried) {
    if (performance.now() >= endMs) break;
    const result = await tryFormat(format, (seed + turn) % 2 ** 31, runsPerTurn);
    totals[format.name] ??= { inputs: 0, refused: 0, slowestMs: 0 };
    const total = totals[format.name]!;
    total.inputs += result.inputs;
    total.refused += result.refused;
    total.slowestMs = Math.max(total.slowestMs, Math.round(result.slowestMs));
    if (result.failure !== undefined)
      failures.push({ format: format.name, failure: result.failure });
  }
}
const grownMiB = Math.round((peakBytes() - before) / 2 ** 20);
process.stdout.write(`${JSON.stringify({ seed, minutes, formats: totals, grownMiB, failures })}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
