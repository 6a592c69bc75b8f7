/** Trainings by several processes, small enough to be killed and started again many times in a test. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { latestCheckpoint, openCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { freeHosts } from '../freeHosts.ts';
import {
  briefly,
  type CommandResult,
  smallNetwork,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';

const data = temporaryFolder();
/** Of the training split: not a multiple of batches of ten, so that the last one of an epoch is divided unevenly. */
export const items = 103;
writeSmallMnist(data, items, 20);

/** The command, but for its length and whose it is. */
export const training = [
  'train',
  ...['--dataset_name=mnist', `--dataset_dir=${data}`, `--model_name=${smallNetwork}`],
  ...[
    '--precision=float32',
    '--optimizer=momentum',
    '--learning_rate=0.003',
    '--learning_rate_decay_type=fixed',
  ],
  ...['--ns=8', '--hm=pool1', '--seed=5', ...briefly],
];

/** The flags of parameter servers and two workers, by 'ps 0', 'worker 0', 'worker 1'. */
export async function clusterFlags(
  servers: number,
): Promise<(job: string, task: number) => string[]> {
  const hosts = await freeHosts(servers + 2);
  const ps = hosts.splice(0, servers);
  return (job, task) => [
    ...(servers > 0 ? [`--ps_hosts=${ps.join(',')}`] : []),
    ...[`--worker_hosts=${hosts.join(',')}`, `--job_name=${job}`, `--task=${task}`],
    '--cluster_timeout_secs=60',
  ];
}

/** An environment in which a hook of this folder is preloaded. */
export function preloading(
  hook: 'disturbingHook' | 'hurriedHook',
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { NODE_OPTIONS: options = '' } = process.env;
  const url = new URL(`./${hook}.js`, import.meta.url);
  return { ...env, NODE_OPTIONS: `${options} --import=${url}` };
}

/** The flag of the workers' hosts, with another one for one of them. */
export async function otherHosts(flags: readonly string[], worker: number): Promise<string> {
  const name = '--worker_hosts=';
  const hosts = flags
    .find((flag) => flag.startsWith(name))!
    .slice(name.length)
    .split(',');
  return name + hosts.with(worker, (await freeHosts(1))[0]!);
}

/** What is said by a process that has another host for a worker than the one that it asks. */
export function otherHostsLine(worker: number, asked: string): RegExp {
  return new RegExp(
    `^losslens: --worker_hosts: got \\S+ for worker ${worker}; expected \\S+, which ${asked} at \\S+ was started with\\. Give all .*\\.$`,
    'm',
  );
}

/** What the others say of a process that is gone, at their end; of others that are gone by then, too. */
export function goneLine(who: string): RegExp {
  const named = `(\\S.* at \\S+, )?${who} at \\S+(, \\S.* at \\S+)?`;
  return new RegExp(`losslens: cluster: ${named} (is|are) gone: .* Start all .* again[^\\n]*\\n$`);
}

/** All went well. */
export function expectSuccess(results: readonly CommandResult[]): void {
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
}

/** The items of selection.csv in rank order. */
export function selectionOf(trainDir: string): string[] {
  const lines = readFileSync(join(trainDir, 'selection.csv'), 'utf8').trim().split('\n');
  return lines.slice(1).map((line) => line.split(',')[1]!);
}

/** Item and step of each encounter with a monitored item. */
export function encountersOf(trainDir: string): string[] {
  const lines = readFileSync(join(trainDir, 'monitoring.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const { item, step } = JSON.parse(line) as { readonly item: number; readonly step: number };
    return `${item} at ${step}`;
  });
}

/** Largest difference of any number in the weights of two runs. */
export async function differenceOf(trainDir: string, other: string): Promise<number> {
  const [one, two] = await Promise.all(
    [trainDir, other].map(async (dir) => openCheckpoint((await latestCheckpoint(dir))!)),
  );
  let largest = 0;
  for (const name of one!.shapes.keys()) {
    if (!name.startsWith('Small/')) continue;
    const expected = (await two!.read(name)).data as Float32Array;
    const actual = (await one!.read(name)).data as Float32Array;
    actual.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - expected[i]!));
    });
  }
  return largest;
}

/** How often each item was trained on. */
export function visitsOf(trainDir: string): number[] {
  const [header, ...rows] = readFileSync(join(trainDir, 'items.csv'), 'utf8').trim().split('\n');
  const column = header!.split(',').indexOf('epochs');
  return rows.map((row) => Number(row.split(',')[column]));
}

/** Resolves when a process has written something to stderr, from now on; rejects when it ends before. */
export function said(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const hear = (more: string) => {
      text += more;
      if (!what.test(text)) return;
      child.stderr!.off('data', hear);
      resolve();
    };
    child.stderr!.on('data', hear);
    child.on('close', (code) => reject(new Error(`ended with ${code}: ${text}`)));
  });
}

/** Kills a process in the middle of whatever it is at. */
export async function killAnytime(child: ChildProcess, withinMs = 200): Promise<void> {
  await pause(withinMs * Math.random());
  child.kill('SIGKILL');
}
