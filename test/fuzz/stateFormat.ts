/** losslens' own state in a checkpoint: JSON that says what flat arrays hold. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundleFiles,
  type CheckpointTensor,
  writeTensorBundle,
} from '../../src/checkpoint/tensorBundle.ts';
import { encodeInSituState } from '../../src/recording/inSituState.ts';
import { restoreRun, stateVersion } from '../../src/training/checkpointing.ts';
import type { Format } from './hostile.ts';

const point = {
  itemIndex: 3,
  label: 1,
  score: 0.5,
  output: 2,
  outputProbability: 0.75,
  contribution: 0.5,
};
const state = encodeInSituState({
  queue: [point],
  previousSelection: [3, 5],
  monitor: {
    items: [3],
    contributions: [[3, { pool1: 0.25 }]],
    history: {
      layers: ['Logits', 'pool1'],
      scaleMaximum: 1,
      items: new Map([
        [
          3,
          {
            count: 1,
            stride: 1,
            scaleMaximum: 1,
            points: 1,
            steps: Int32Array.of(4),
            contributions: Float32Array.of(0.5, 0.25),
            encounters: [
              {
                number: 1,
                epoch: 1,
                step: 4,
                output: 'two',
                outputProbability: 0.75,
                contribution: 0.5,
                maps: [
                  {
                    width: 2,
                    height: 1,
                    maximum: 1,
                    contributionMap: Uint8Array.of(1, 2),
                    reductionMap: Uint8Array.of(3, 4),
                  },
                ],
                input: { width: 2, height: 2, channels: 1, data: Uint8Array.of(1, 2, 3, 4) },
              },
            ],
          },
        ],
      ]),
    },
  },
  items: { 'scores/epochs': Int32Array.of(1, 1) },
});

/** The changed input is the JSON. */
export const stateFormat: Format = {
  name: 'state in a checkpoint',
  open: async (folder) => {
    const facts = { batchSize: 5, seed: 1, sourceSize: 10, dataDigest: 'a' };
    const json = JSON.stringify({ version: stateVersion, ...facts, inSitu: state.header });
    const arrays = Object.entries(state.arrays).map(
      ([name, data]) => [`losslens/in_situ/${name}`, { shape: [data.length], data }] as const,
    );
    await writeFile(join(folder, 'checkpoint'), 'model_checkpoint_path: "model.ckpt-7"\n');
    return {
      samples: [Buffer.from(json)],
      read: async (input) => {
        const all = new Map<string, CheckpointTensor>([
          ['global_step', { shape: [], data: BigInt64Array.of(7n) }],
          ...arrays,
          ['losslens/state', { shape: [input.length], data: Uint8Array.from(input) }],
        ]);
        await writeTensorBundle(bundleFiles(join(folder, 'model.ckpt-7')), all);
        await restoreRun(folder, []);
      },
    };
  },
};
