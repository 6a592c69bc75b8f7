/** Saves checkpoints until it is killed; for checkpoints.test.ts. */
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';

const [folder, first] = process.argv.slice(2) as [string, string];
for (let step = Number(first); ; step++) {
  const values = new Float32Array(50_000).fill(step);
  await saveCheckpoint(folder, step, new Map([['weights', { shape: [50_000], data: values }]]), 2);
}
