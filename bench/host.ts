/**
 * What the training loop costs beside the network: `losslens train` with an engine that answers at once.
 *
 *     node --expose-gc dist/bench/host.js [--only NAME] [--steps N]
 *
 * Everything is as in a run of the command: batches are read and augmented in threads, every item's scores are
 * kept, 64 items are selected at the logits and watched from then on at two layers, their views are drawn,
 * summaries and checkpoints are written. Instead of the graph, an engine returns noise in the shapes of its outputs.
 * Data are made: 60,000 images in the form of MNIST, 50,000 in that of CIFAR-10, the built-in phrases, and a folder of
 * 512 JPEG files, half of them of 500×375 pixels and half of 224×224, which are decoded anew in each epoch.
 *
 * Measured are whole epochs from the last step of the first one on, when items begin to be watched, --steps steps or
 * more (a tenth of them with JPEG files); the checkpoint at the end is left out:
 *
 * - mainThreadMs: processor time of the main thread for each step (null where the system does not tell)
 * - busyMs: time in which its event loop was not idle for each step, waiting for the processor included
 * - itemsPerSecond
 * - itemsPerCoreSecond: items per second of processor time of all threads: what one core would reach
 * - memory: of the process, before these steps and after them, in MiB. The garbage of the main thread is collected
 *   first, where Node.js was started with --expose-gc: outside of the steps, so that it is none of their time.
 *
 * The last line is one JSON object.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, trainInstantly } from './instantRun.ts';
import { machine } from './machine.ts';
import { writeCifar10, writeMnist, writePhotos } from './madeData.ts';

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, steps: { type: 'string', default: '600' } },
});

const cases: readonly Case[] = [
  { model_name: 'lenet', dataset_name: 'mnist', batch_size: 50, hm: ['pool1', 'pool2'] },
  { model_name: 'lenet', dataset_name: 'mnist', batch_size: 512, hm: ['pool1', 'pool2'] },
  { model_name: 'cifarnet', dataset_name: 'cifar10', batch_size: 128, hm: ['pool1', 'pool2'] },
  { model_name: 'cifarnet', dataset_name: 'cifar10', batch_size: 1024, hm: ['pool1', 'pool2'] },
  { model_name: 'textcnn', dataset_name: 'phrases', batch_size: 50, hm: ['embedding', 'conv3'] },
  {
    model_name: 'resnet_v1_50',
    dataset_name: 'folder',
    batch_size: 32,
    hm: ['block1', 'block4'],
    files: 'photos',
    max_data_memory_mb: 0,
  },
];

/** Processor time of the main thread so far, in milliseconds; null where the system does not tell. */
function mainThreadMs(): number | null {
  try {
    const path = `/proc/self/task/${process.pid}/schedstat`;
    return Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return null;
  }
}

/** The memory of this process after so many steps, in MiB. */
interface Memory {
  readonly step: number;
  readonly resident: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

function memoryAt(step: number): Memory {
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const [resident, ...others] = [rss, heapUsed, external, arrayBuffers].map(
    (bytes) => Math.round((10 * bytes) / 2 ** 20) / 10,
  ) as [number, number, number, number];
  return { step, resident, heapUsed: others[0], external: others[1], arrayBuffers: others[2] };
}

/** What the loop did in a time. */
interface Measured {
  readonly steps: number;
  readonly mainThreadMs: number | null;
  readonly busyMs: number;
  readonly itemsPerSecond: number;
  readonly itemsPerCoreSecond: number;
}

/** Begins to measure; the function that is returned ends it. */
function measure(batchSize: number): (steps: number) => Measured {
  const startMs = performance.now();
  const startLoop = performance.eventLoopUtilization();
  const startThread = mainThreadMs();
  const startCpu = process.cpuUsage();
  return (steps) => {
    const seconds = (performance.now() - startMs) / 1000;
    const threadMs = mainThreadMs();
    const { user, system } = process.cpuUsage(startCpu);
    return {
      steps,
      mainThreadMs:
        threadMs === null || startThread === null ? null : (threadMs - startThread) / steps,
      busyMs: performance.eventLoopUtilization(startLoop).active / steps,
      itemsPerSecond: Math.round((steps * batchSize) / seconds),
      itemsPerCoreSecond: Math.round((steps * batchSize * 1e6) / (user + system)),
    };
  };
}

/** Trains one case. */
async function bench(
  each: Case,
  dataDir: string,
  trainDir: string,
): Promise<Measured & { readonly memory: readonly Memory[] }> {
  let end: ReturnType<typeof measure> | undefined;
  let measured: Measured | undefined;
  const memory: Memory[] = [];
  // Files that are decoded anew in each epoch take longer.
  const steps = Number(flags.steps) / (each.files === undefined ? 1 : 10);
  await trainInstantly(each, dataDir, trainDir, steps, (first, last) => {
    return (step) => {
      if (step === last) measured = end!(step - first);
      if (step === first || step === last) memory.push(memoryAt(step));
      if (step === first) end = measure(each.batch_size);
    };
  });
  return { ...measured!, memory };
}

const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
const report: Record<string, unknown> = {
  machine,
};
console.log(report['machine']);
try {
  writeMnist(folder);
  writeCifar10(folder);
  await writePhotos(join(folder, 'photos'), 512, [
    [500, 375],
    [224, 224],
  ]);
  for (const [i, each] of cases.entries()) {
    const name = `${each.model_name}, batch ${each.batch_size}`;
    if (flags.only !== undefined && !name.startsWith(flags.only)) continue;
    const measured = await bench(each, folder, join(folder, String(i)));
    const ms = measured.mainThreadMs?.toFixed(3) ?? 'unknown';
    console.log(
      `${name}: ${ms} ms of the main thread a step (busy ${measured.busyMs.toFixed(3)} ms), ` +
        `${measured.itemsPerSecond} items/s, ${measured.itemsPerCoreSecond} for each core that was busy ` +
        `(${measured.steps} steps)`,
    );
    for (const { step, resident, heapUsed } of measured.memory) {
      console.log(`  step ${step}: ${resident} MiB resident, ${heapUsed} MiB of JavaScript's heap`);
    }
    report[name] = measured;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify(report));
