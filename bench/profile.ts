/**
 * Where a training step's time goes: milliseconds by operation, summed over TensorFlow's threads.
 *
 *     node dist/bench/profile.js [--model_name cifarnet] [--batch_size 128] [--precision float32]
 *                                [--weight_decay 0] [--steps 20] [--keep DIR]
 *
 * Writes the step as `losslens train` runs it, without the in situ part, for bench/python/profile_step.py
 * ($LOSSLENS_PYTHON, or python3, with TensorFlow), which runs it with a full trace. --keep leaves what was
 * written in DIR.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/packageRoot.ts';
import { exportStep } from './exportStep.ts';
import { builtInFor, firstBatch } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    model_name: { type: 'string', default: 'cifarnet' },
    batch_size: { type: 'string', default: '128' },
    precision: { type: 'string', default: 'float32' },
    weight_decay: { type: 'string', default: '0' },
    steps: { type: 'string', default: '20' },
    keep: { type: 'string' },
  },
});
const modelName = flags.model_name;
const { input, batch } = await firstBatch(
  await builtInFor(modelName),
  modelName,
  Number(flags.batch_size),
);
const folder = flags.keep ?? mkdtempSync(join(tmpdir(), 'losslens-step-'));
try {
  await exportStep(folder, batch, {
    modelName,
    input,
    computeType: flags.precision === 'bfloat16' ? 'bfloat16' : 'float32',
    weightDecay: Number(flags.weight_decay),
  });
  const python = process.env['LOSSLENS_PYTHON'] ?? 'python3';
  const script = join(packageRoot, 'bench/python/profile_step.py');
  const { status } = spawnSync(python, [script, folder, flags.steps], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: process.env['TF_CPP_MIN_LOG_LEVEL'] ?? '3' },
  });
  process.exitCode = status ?? 1;
} finally {
  if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exit();
