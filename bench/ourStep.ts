/**
 * Our own bare training step as a contestant of bench/peers.ts (bench/python/contestant.py says how they talk).
 *
 *     node dist/bench/ourStep.js MODEL BATCH_SIZE float32|bfloat16
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { builtInFor, firstBatch, TrainingStep } from './trainingStep.ts';

const [modelName = '', batchSize = '', precision] = process.argv.slice(2);
const engine = await loadTensorFlowEngine();
const { input, batch } = await firstBatch(
  await builtInFor(modelName),
  modelName,
  Number(batchSize),
);
const computeType = precision === 'bfloat16' ? 'bfloat16' : 'float32';
const step = await TrainingStep.create(engine, { modelName, input, computeType });
// The first steps set up what later ones use; five of a large network would take a minute.
const warmEndMs = performance.now() + 10_000;
for (let i = 0; i < 5 && performance.now() < warmEndMs; i++) await step.run(batch);
console.log(`ready losslens, ${engine.name}`);
for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  for (let i = 0; i < Number(line); i++) {
    const startMs = performance.now();
    await step.run(batch);
    times.push(performance.now() - startMs);
  }
  console.log(JSON.stringify(times));
}
// In KiB, as Linux has it: peak and now.
const kibibytes = (field: string) =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const mebibytes = (field: string) => Math.round(kibibytes(field) / 1024);
console.log(JSON.stringify({ residentMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM') }));
process.exit(0);
