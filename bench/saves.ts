/**
 * What a save at an epoch's end costs the training loop, with the scores of very many items.
 *
 *     node dist/bench/saves.js [--items N] [--rounds N]
 *
 * A recorder of N items of 1,000 classes (a million by default), each seen once, saves a checkpoint of
 * that and of four million variables, and items.csv; no images are read, and no graph runs. The loop
 * loses the time that it waits for a save to begin, and what keeps its thread busy until the files
 * are there.
 *
 * The last line is one JSON object.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { inMemory } from '../datasets/inMemory.ts';
import { latestCheckpoint } from '../src/checkpoint/checkpoints.ts';
import { CheckpointWriter } from '../src/checkpoint/checkpointWriter.ts';
import { EventWriter } from '../src/events/eventWriter.ts';
import { stepScores } from '../src/insitu/stepScores.ts';
import type { StepOutcome } from '../src/model/stepOutcome.ts';
import { random } from '../src/random.ts';
import { InSituRecorder } from '../src/recording/inSituRecorder.ts';
import { LostWrites } from '../src/recording/lostWrites.ts';
import { lostEvents, RunLog } from '../src/recording/runLog.ts';
import { ItemsWriter } from '../src/runFiles/itemsWriter.ts';
import { saveRun } from '../src/training/checkpointing.ts';
import { ViewRenderer } from '../src/views/viewRenderer.ts';
import { machine } from './machine.ts';

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
});
const size = Number(flags.items);
const classes = 1000;
const batchSize = 1000;

const folder = mkdtempSync(join(tmpdir(), 'losslens-saves-'));
const dataset = inMemory({
  name: 'made',
  split: 'train',
  classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
  imageShape: [1, 1, 1],
  labels: Int32Array.from({ length: size }, (_, item) => (item * 389) % classes),
  pixels: new Uint8Array(new SharedArrayBuffer(size)),
});
const lost = new LostWrites((line) => console.log(line));
const log = new RunLog(await EventWriter.create(folder, 0, lostEvents(lost)));
const renderer = new ViewRenderer();
const itemsWriter = new ItemsWriter(folder, dataset, (write) =>
  lost.attempt('versions of items.csv', write),
);
const checkpoints = new CheckpointWriter(folder, 2);
const recorder = new InSituRecorder({
  dataset,
  modelName: 'none',
  selectionLayer: 'Logits',
  rankBy: 'contribution',
  capacity: 64,
  classQuota: Number.POSITIVE_INFINITY,
  monitoredLayers: [],
  maxMonitoredItems: 256,
  colorScale: 'view',
  trainDir: folder,
  log,
  lost,
  renderer,
  itemsWriter,
  plantedErrors: undefined,
});

const next = random(1);
const noise = (length: number) => Float32Array.from({ length }, next);
const probabilities = noise(batchSize * classes);

/** A step of the items from `first` on. @returns the steps done */
async function observe(epoch: number, first: number): Promise<number> {
  const itemIndices = Uint32Array.from({ length: batchSize }, (_, row) => first + row);
  const outcome = {
    output: Int32Array.from({ length: batchSize }, () => Math.floor(classes * next())),
    outputProbability: noise(batchSize),
    selection: { scores: noise(batchSize * stepScores.length), probabilities },
  } as unknown as StepOutcome;
  const labels = Int32Array.from(itemIndices, (item) => dataset.labels[item]!);
  const step = ((epoch - 1) * size + first) / batchSize + 1;
  await recorder.observe({ itemIndices, labels }, undefined, outcome, epoch, step);
  return step;
}

for (let first = 0; first < size; first += batchSize) await observe(1, first);

const weights = noise(4e6);
const variables = () => ({ weights: { data: weights.slice(), shape: [4e6] } });

/** What something takes of the loop's time, and in all. */
async function timed(begin: () => Promise<unknown>, end: () => Promise<unknown>) {
  const startMs = performance.now();
  await begin();
  const waitedMs = performance.now() - startMs;
  const busy = performance.eventLoopUtilization();
  await end();
  const busyMs = performance.eventLoopUtilization(busy).active;
  return { loopMs: waitedMs + busyMs, totalMs: performance.now() - startMs };
}

const rounds = [];
for (let round = 0; round < Number(flags.rounds); round++) {
  const step = await observe(round + 2, 0);
  const facts = {
    batchSize,
    seed: 1,
    sourceSize: size,
    dataDigest: '',
    skippedSteps: 0,
    skippedInARow: 0,
  };
  const checkpoint = await timed(
    () => saveRun(checkpoints, step, variables(), { ...facts, inSitu: recorder.state }),
    () => checkpoints.finish(),
  );
  const items = await timed(
    async () => recorder.writeItems(),
    () => recorder.itemsWritten(),
  );
  const loopMs = checkpoint.loopMs + items.loopMs;
  rounds.push({ loopMs, checkpoint, items });
  console.log(
    `a save costs the loop ${loopMs.toFixed(0)} ms; the checkpoint is there after ` +
      `${checkpoint.totalMs.toFixed(0)} ms, items.csv after ${items.totalMs.toFixed(0)} ms`,
  );
}
const bytesOf = (name: string) => statSync(join(folder, name)).size;
const latest = await latestCheckpoint(folder);
const bytes = {
  checkpoint: bytesOf(`${basename(latest!)}.data-00000-of-00001`),
  items: bytesOf('items.csv'),
};
await renderer.close();
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ machine, size, bytes, rounds }));
process.exit(0);
