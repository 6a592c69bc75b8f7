/**
 * What a training by several processes sends over the wire, and what a step takes.
 *
 *     node dist/bench/cluster.js [--only lenet] [--ways sync,async,reduced] [--rounds 1] [--cut SECONDS]
 *
 * A parameter server and two workers train, or two workers without one (`reduced`), each process in a network namespace
 * of its own, which takes root and iproute2; then one process with the joint batch. Bytes are those of the interfaces,
 * in both directions, per step, and milliseconds the medians of so many rounds of all ways in turn; all processes share
 * the processors of this machine, so the times say nothing of several machines. With --cut the cable of worker 1 is out
 * for so many seconds within each training; after a longer cut that worker ends, and the others go on, unless there is
 * no parameter server.
 *
 * The last line is one JSON object.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { endingSignals } from '../src/console/interrupt.ts';
import { silentSeconds } from '../src/engines/distributed/presence.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { processors } from './machine.ts';
import { median } from './measure.ts';
import { Namespaces } from './namespaces.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    ways: { type: 'string', default: 'sync,async,reduced' },
    rounds: { type: 'string', default: '1' },
    cut: { type: 'string', default: '0' },
  },
});

/** What is trained, and what is measured: the steps between two of the log. */
interface Case {
  readonly model_name: string;
  readonly dataset_name: string;
  /** Of each worker. */
  readonly batch: number;
  readonly from: number;
  readonly to: number;
}

const cases: readonly Case[] = [
  { model_name: 'lenet', dataset_name: 'digits', batch: 25, from: 20, to: 80 },
  { model_name: 'cifarnet', dataset_name: 'shapes', batch: 32, from: 20, to: 60 },
  { model_name: 'resnet_v1_50', dataset_name: 'shapes', batch: 4, from: 2, to: 6 },
];

const workers = 2;
const machines = ['ps0', 'worker0', 'worker1'];
const port = 2222;

/** Tells of a process that ended otherwise than well. */
function expectSuccess(code: number | null, stderr: string): void {
  if (code !== 0) throw new Error(`losslens train: ${stderr}`);
}

/** One process of losslens; calls back for each step of its log, and shows what it says of the others. */
async function train(command: readonly string[], onStep: (step: number) => void): Promise<void> {
  const [file, ...args] = command;
  const child = spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let stderr = '';
  for await (const line of createInterface({ input: child.stderr })) {
    stderr += `${line}\n`;
    const step = /^step (\d+)/.exec(line)?.[1];
    if (step !== undefined) onStep(Number(step));
    else if (/^(losslens: )?cluster: /.test(line)) console.log(line);
  }
  expectSuccess(await ended, stderr);
}

function commandOf(each: Case, batch: number, trainDir: string): string[] {
  const { model_name, dataset_name, from, to } = each;
  return [
    ...[process.execPath, join(packageRoot, 'dist/bin/losslens.cjs'), 'train'],
    ...[`--model_name=${model_name}`, `--dataset_name=${dataset_name}`, `--batch_size=${batch}`],
    // Some more: all that is measured is amid others, of which the next has begun when one is told of.
    ...[
      `--max_number_of_steps=${to + from}`,
      `--log_every_n_steps=${from}`,
      `--train_dir=${trainDir}`,
    ],
    ...['--optimizer=momentum', '--learning_rate=0.0001', '--learning_rate_decay_type=fixed'],
    // Nothing but steps.
    ...['--save_summaries_secs=0', '--save_interval_secs=0', '--projector_items=0', '--seed=1'],
    ...['--engine=tensorflow', '--precision=float32', '--num_preprocessing_threads=1'],
  ];
}

/** What was measured between two steps, for each of them. */
interface PerStep {
  readonly ms: number;
  /** Sent and received. */
  readonly bytes: Readonly<Record<string, number>>;
}

function bytesNow(net: Namespaces): Record<string, number> {
  return Object.fromEntries(
    machines.map((name) => {
      const { received, sent } = net.trafficOf(name);
      return [name, received + sent];
    }),
  );
}

async function cutCable(net: Namespaces): Promise<void> {
  const seconds = Number(flags.cut);
  if (seconds === 0) return;
  net.setConnected('worker1', false);
  await pause(1000 * seconds);
  net.setConnected('worker1', true);
  console.log(`the cable of worker1 was out for ${seconds} s`);
}

/** Trains on the machines. @param way  'sync', 'async', or 'reduced' for none but workers */
async function trainTogether(
  each: Case,
  net: Namespaces,
  folder: string,
  way: string,
): Promise<PerStep> {
  const hostOf = (name: string) => `${net.addressOf(name)}:${port}`;
  const hosts = [
    ...(way === 'reduced' ? [] : [`--ps_hosts=${hostOf('ps0')}`]),
    `--worker_hosts=${[0, 1].map((index) => hostOf(`worker${index}`)).join(',')}`,
    ...(way === 'sync' ? ['--sync_replicas'] : []),
  ];
  const start = (job: string, task: number, onStep: (step: number) => void) => {
    const command = commandOf(each, each.batch, join(folder, `${job}${task}`));
    const place = [...hosts, `--job_name=${job}`, `--task=${task}`];
    return train(net.commandOn(`${job}${task}`, [...command, ...place]), onStep);
  };
  let begun: { readonly ms: number; readonly bytes: Record<string, number> } | undefined;
  let perStep: PerStep | undefined;
  const steps = each.to - each.from;
  const cutting: Promise<void>[] = [];
  await Promise.all([
    ...(way === 'reduced' ? [] : [start('ps', 0, () => {})]),
    start('worker', 1, () => {}).catch((error) => {
      if (Number(flags.cut) < silentSeconds) throw error;
    }),
    start('worker', 0, (step) => {
      const now = { ms: performance.now(), bytes: bytesNow(net) };
      if (step === each.from) {
        begun = now;
        cutting.push(cutCable(net));
      } else if (step === each.to && begun !== undefined) {
        const { bytes } = begun;
        perStep = {
          ms: (now.ms - begun.ms) / steps,
          bytes: Object.fromEntries(
            machines.map((name) => [name, (now.bytes[name]! - bytes[name]!) / steps]),
          ),
        };
      }
    }),
  ]);
  await Promise.all(cutting);
  return perStep!;
}

/** Milliseconds of a step of one process with all items. */
async function trainAlone(each: Case, folder: string): Promise<number> {
  const times = new Map<number, number>();
  await train(commandOf(each, workers * each.batch, join(folder, 'alone')), (step) => {
    times.set(step, performance.now());
  });
  return (times.get(each.to)! - times.get(each.from)!) / (each.to - each.from);
}

const rounded = (value: number) => Number(value.toPrecision(3));

const report: Record<string, unknown> = {
  machine: processors,
};
const net = Namespaces.open(machines);
process.once('exit', () => net.close());
for (const signal of endingSignals()) process.once(signal, () => process.exit(1));
const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
try {
  for (const each of cases) {
    const { model_name, batch } = each;
    if (flags.only !== undefined && flags.only !== model_name) continue;
    const aloneMs: number[] = [];
    const runs = new Map<string, PerStep[]>(flags.ways.split(',').map((way) => [way, []]));
    for (let round = 0; round < Number(flags.rounds); round++) {
      const ofRound = (name: string) => join(folder, model_name, `${name}-${round}`);
      aloneMs.push(await trainAlone(each, ofRound('alone')));
      for (const [way, measured] of runs) {
        measured.push(await trainTogether(each, net, ofRound(way), way));
      }
    }
    const alone = median(aloneMs);
    const measured: Record<string, unknown> = { batch, aloneMs: rounded(alone) };
    for (const [way, ofWay] of runs) {
      const ms = median(ofWay.map((run) => run.ms));
      const toAlone = median(ofWay.map((run, round) => run.ms / aloneMs[round]!));
      const ofEach = machines.map(
        (name) => [name, rounded(median(ofWay.map(({ bytes }) => bytes[name]!)))] as const,
      );
      const ratio = rounded(toAlone);
      measured[way] = { ms: rounded(ms), toAlone: ratio, bytes: Object.fromEntries(ofEach) };
      console.log(
        `${model_name}, ${way}: ${rounded(ms)} ms a step, ${ratio} times that of one process (${rounded(alone)} ms); ` +
          ofEach.map(([name, count]) => `${name} ${rounded(count / 1e6)} MB`).join(', '),
      );
    }
    report[model_name] = measured;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify(report));
