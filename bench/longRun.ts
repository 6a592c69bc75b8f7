/**
 * What many steps leave behind: memory, open files, time and files of a run that goes on and on.
 *
 *     node --expose-gc dist/bench/longRun.js [--steps N]
 *
 * A small network is trained on the built-in digits through the loop of the command, a few items a step, with an
 * engine that answers at once: all else is as in a run. Checkpoints come every --save_interval_steps steps,
 * since the seconds between them by default would give only few.
 *
 * - memoryMiBPer10000Steps: slope of a least-squares line through the resident memory at the ends of 200 equal parts,
 *   after the first quarter of the steps; the same for JavaScript's heap. The garbage of the main thread is collected
 *   before, where Node.js was started with --expose-gc
 * - openFiles: of the process, at the end of the first epoch, at most at the end of any part, and at the last step
 *   (null where the system does not tell)
 * - slowdown: median of the processor time of an epoch, of all threads, in the last tenth of the run against that in
 *   its second tenth; the time that passed, too, which other processes make longer
 * - eventFiles, runFiles: their number and MiB at the end
 *
 * The last line is one JSON object.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventFiles } from '../src/events/readEvents.ts';
import { type Case, trainInstantly } from './instantRun.ts';
import { machine } from './machine.ts';
import { median } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '200000' },
    batch_size: { type: 'string', default: '8' },
    save_interval_steps: { type: 'string', default: '5000' },
  },
});
const parts = 200;

/** What the process holds after so many steps. */
interface Sample {
  readonly step: number;
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly openFiles: number | null;
}

/** Open files of this process; null where the system does not tell. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

function sampleAt(step: number): Sample {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { step, residentMiB: rss / 2 ** 20, heapMiB: heapUsed / 2 ** 20, openFiles: openFiles() };
}

/** Slope of the least-squares line through points, in units of y for one of x. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

/** Number and MiB of files. */
function sizesOf(paths: readonly string[]): { files: number; MiB: number } {
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  return { files: paths.length, MiB: rounded(bytes / 2 ** 20) };
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
console.log(machine);
const trained: Case = {
  model_name: 'lenet',
  dataset_name: 'digits',
  batch_size: Number(flags.batch_size),
  hm: ['pool1', 'pool2'],
  save_interval_steps: Number(flags.save_interval_steps),
};
const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
try {
  const samples: Sample[] = [];
  const epochsMs: { passed: number; processor: number }[] = [];
  let lastStep = 0;
  let startMs = 0;
  let startUsage = process.cpuUsage();
  await trainInstantly(trained, folder, folder, Number(flags.steps), (stepsPerEpoch, last) => {
    lastStep = last;
    const every = Math.max(1, Math.floor((last - stepsPerEpoch) / parts));
    return (step) => {
      if (step % stepsPerEpoch === 0) {
        const nowMs = performance.now();
        const { user, system } = process.cpuUsage(startUsage);
        const processor = (user + system) / 1000;
        if (step > stepsPerEpoch) epochsMs.push({ passed: nowMs - startMs, processor });
        startMs = nowMs;
        startUsage = process.cpuUsage();
      }
      const isSampled = step >= stepsPerEpoch && (step - stepsPerEpoch) % every === 0;
      if (!isSampled && step !== last) return;
      const sample = sampleAt(step);
      samples.push(sample);
      if (samples.length % 10 !== 0) return;
      const { residentMiB, heapMiB } = sample;
      console.log(
        `step ${step} of ${last}: ${residentMiB.toFixed(0)} MiB resident, ${heapMiB.toFixed(1)} of the heap, ` +
          `${sample.openFiles} open files, epoch in ${epochsMs.at(-1)?.passed.toFixed(0)} ms`,
      );
    };
  });
  const settled = samples.filter(({ step }) => step >= lastStep / 4);
  const slope = (key: 'residentMiB' | 'heapMiB') =>
    rounded(1e4 * slopeOf(settled.map((sample) => [sample.step, sample[key]])));
  const tenth = Math.ceil(epochsMs.length / 10);
  const slowed = (key: 'passed' | 'processor') => {
    const medianOf = (first: number, end?: number) =>
      median(epochsMs.slice(first, end).map((each) => each[key]));
    const [secondTenth, lastTenth] = [medianOf(tenth, 2 * tenth), medianOf(-tenth)];
    return {
      secondTenthMs: rounded(secondTenth),
      lastTenthMs: rounded(lastTenth),
      ratio: rounded(lastTenth / secondTenth),
    };
  };
  const counts = samples.map((sample) => sample.openFiles);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const report = {
    machine,
    steps: lastStep,
    epochs: epochsMs.length + 1,
    memoryMiBPer10000Steps: { resident: slope('residentMiB'), heap: slope('heapMiB') },
    residentMiB: [settled[0], settled.at(-1)].map((sample) => rounded(sample!.residentMiB)),
    openFiles: {
      first: counts[0],
      most: counts.some((count) => count === null) ? null : Math.max(...(counts as number[])),
      last: counts.at(-1),
    },
    slowdown: { processor: slowed('processor'), passed: slowed('passed') },
    eventFiles: sizesOf(eventFiles(folder)),
    runFiles: sizesOf(files),
  };
  console.log(JSON.stringify(report));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
