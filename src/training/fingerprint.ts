/** What all processes that train one network have to have in common. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../../datasets/dataDigest.ts';
import type { Fingerprint } from '../cluster/letters.ts';
import { encodeGraphDef } from '../graph/graphDef.ts';
import { packageRoot } from '../packageRoot.ts';
import type { NetworkPlan } from './planRun.ts';
import type { RunOptions } from './runOptions.ts';

/** Flags that decide on what a worker does beside the graph and the data. */
const flags = [
  'batch_size',
  'seed',
  'sync_replicas',
  'learning_rate',
  'learning_rate_decay_type',
  'learning_rate_decay_factor',
  'num_epochs_per_decay',
  'end_learning_rate',
  'warmup_epochs',
  'moving_average_decay',
  'max_number_of_steps',
  'max_number_of_epochs',
] as const satisfies readonly (keyof RunOptions)[];

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/**
 * The fingerprint of a plan.
 *
 * @param tensorFlow  its version
 */
export function fingerprintOf(
  { options, data, pipeline, training }: NetworkPlan,
  tensorFlow: string,
): Fingerprint {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const { input } = pipeline;
  return {
    'has losslens': version,
    'runs on Node.js': process.versions.node.split('.')[0]!,
    'runs TensorFlow': tensorFlow,
    ...Object.fromEntries(flags.map((name) => [`has --${name}`, String(options[name])])),
    'trains on the data': digestOf(data.dataset),
    'has the vocabulary': input.kind === 'texts' ? input.vocabulary.sha256 : 'of no texts',
    'has the preprocessing': sha256(JSON.stringify({ ...input, vocabulary: undefined })),
    'has the graph': sha256(encodeGraphDef(training.graph)),
  };
}
