/**
 * Our bare training step beside TensorFlow's own and PyTorch's, and how far each is from what the machine can do.
 *
 *     node dist/bench/peers.js [--only lenet|cifarnet|resnet_v1_50] [--seconds 6] [--peers PATTERN] [--minutes N]
 *
 * Each peer trains in a process of its own ($LOSSLENS_PYTHON, or python3, with TensorFlow; $LOSSLENS_TORCH_PYTHON, or
 * the same, with PyTorch), in turns with ours until each turn of it took about --seconds in all; in bfloat16 where the
 * processor has instructions for it. The ceiling, the rate of large matrix products, is measured in
 * the same turns. After --minutes no further peer begins, and one that is not ready is ended; these are named as left
 * out. Prints one JSON object a network.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTensorFlowEngine } from '../src/engines/tensorflow.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { Contestant } from './contestant.ts';
import { productFlops } from './flops.ts';
import { machine } from './machine.ts';
import { median } from './measure.ts';
import type { ByPrecision, Comparison, PeersReport, Precision } from './peersTable.ts';
import { builtInFor, firstBatch, stepGraph } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '6' },
    peers: { type: 'string', default: '' },
    minutes: { type: 'string', default: 'Infinity' },
  },
});
const endMs = performance.now() + Number(flags.minutes) * 60_000;

const networks = [
  { modelName: 'lenet', batchSize: 50 },
  { modelName: 'cifarnet', batchSize: 128 },
  { modelName: 'resnet_v1_50', batchSize: 16 },
] as const;

const python = process.env['LOSSLENS_PYTHON'] ?? 'python3';
const torchPython = process.env['LOSSLENS_TORCH_PYTHON'] ?? python;
const script = (name: string) => join(packageRoot, 'bench/python', name);
const tensorflow = [python, script('peers_tensorflow.py')];
const torch = [torchPython, script('peers_torch.py')];
const ourStep = [process.execPath, join(packageRoot, 'dist/bench/ourStep.js')];

/** Program, and arguments behind network and batch size. */
const peers: Readonly<Record<string, readonly [command: string[], ...args: string[]]>> = {
  'TensorFlow float32': [tensorflow, 'float32'],
  'TensorFlow float32 jit': [tensorflow, 'float32', 'jit'],
  'TensorFlow mixed bfloat16': [tensorflow, 'mixed_bfloat16'],
  'TensorFlow mixed bfloat16 jit': [tensorflow, 'mixed_bfloat16', 'jit'],
  'PyTorch float32': [torch, 'float32'],
  'PyTorch float32 compiled': [torch, 'float32', 'compile'],
  'PyTorch bfloat16': [torch, 'bfloat16'],
  'PyTorch bfloat16 compiled': [torch, 'bfloat16', 'compile'],
};

const { bfloat16 } = await loadTensorFlowEngine();
/** Where a processor has no instructions for bfloat16, it takes ten times as long: that compares nothing. */
const isBfloat16Slow = bfloat16.support === 'slow';
const precisions: readonly Precision[] = isBfloat16Slow ? ['float32'] : ['float32', 'bfloat16'];

async function expectStarted(command: readonly string[]): Promise<Contestant> {
  const started = await Contestant.start(command);
  if (typeof started === 'string') throw new Error(`${command.join(' ')}: ${started}`);
  return started;
}

/** A contestant of ours, and all that its steps took, in ms. */
interface Ours {
  readonly contestant: Contestant;
  readonly timesMs: number[];
}

async function byPrecision<T>(of: (precision: Precision) => Promise<T>): Promise<ByPrecision<T>> {
  const values: { [P in Precision]?: T } = {};
  for (const precision of precisions) values[precision] = await of(precision);
  return values;
}

const medianMs = (timesMs: readonly number[]) => Number(median(timesMs).toPrecision(4));

/** Has a peer and ours train in turns. */
async function compare(
  name: string,
  peer: Contestant,
  ours: ByPrecision<Ours>,
): Promise<Comparison> {
  const [firstMs = 0] = await peer.train(1);
  const count = (1000 * Number(flags.seconds)) / firstMs;
  const turns = Math.max(2, Math.min(6, Math.round(count)));
  const steps = Math.max(1, Math.round(count / turns));
  const times = { peer: [] as number[], float32: [] as number[], bfloat16: [] as number[] };
  const order = ['peer', ...precisions] as const;
  for (let turn = 0; turn < turns; turn++) {
    for (const key of turn % 2 === 0 ? order : order.toReversed()) {
      const contestant = key === 'peer' ? peer : ours[key]!.contestant;
      times[key].push(...(await contestant.train(steps)));
    }
  }
  const peerMs = medianMs(times.peer);
  return {
    peer: name,
    version: peer.version,
    peerMs,
    ours: await byPrecision(async (precision) => {
      ours[precision]!.timesMs.push(...times[precision]);
      const ms = medianMs(times[precision]);
      return { ms, ratio: Number((peerMs / ms).toFixed(2)) };
    }),
    peerMemory: await peer.end(),
  };
}

async function benchNetwork({ modelName, batchSize }: (typeof networks)[number]): Promise<void> {
  const given = [modelName, String(batchSize)];
  const ours = await byPrecision<Ours>(async (precision) => ({
    contestant: await expectStarted([...ourStep, ...given, precision]),
    timesMs: [],
  }));
  const ceiling = await expectStarted([python, script('peers_ceiling.py')]);
  const ceilings: Record<Precision, number>[] = [];
  const comparisons: Comparison[] = [];
  const leftOut: Record<string, string> = {};
  for (const [name, [command, ...args]] of Object.entries(peers)) {
    if (!new RegExp(flags.peers).test(name)) continue;
    const peer =
      isBfloat16Slow && name.includes('bfloat16')
        ? bfloat16.reason
        : await Contestant.start([...command, ...given, ...args], endMs);
    if (typeof peer === 'string') {
      leftOut[name] = peer;
      console.log(`${modelName}, ${name}: left out, ${peer}`);
      continue;
    }
    const row = await compare(name, peer, ours);
    ceilings.push((await ceiling.ask('go')) as Record<Precision, number>);
    comparisons.push(row);
    const oursText = Object.entries(row.ours).map(
      ([precision, { ms, ratio }]) => `${ms} ms in ${precision} (${ratio} ×)`,
    );
    console.log(`${modelName}, ${name}: ${row.peerMs} ms; ours ${oursText.join(', ')}`);
  }
  const { input } = await firstBatch(await builtInFor(modelName), modelName, 2);
  const { signatures } = await stepGraph({ modelName, input });
  const gigaFlops = productFlops(Object.values(signatures['train']!.outputs), batchSize) / 1e9;
  const best = (precision: Precision) => Math.max(...ceilings.map((rates) => rates[precision]));
  const report: PeersReport = {
    network: modelName,
    batchSize,
    machine,
    engine: ours.float32!.contestant.version,
    gigaFlops: Number(gigaFlops.toPrecision(4)),
    ours: await byPrecision(async (precision) => {
      const { contestant, timesMs } = ours[precision]!;
      const ceilingGigaFlopsPerSecond = best(precision);
      const rate = (1000 * gigaFlops) / median(timesMs);
      return {
        ceilingGigaFlopsPerSecond,
        shareOfCeiling: Number((rate / ceilingGigaFlopsPerSecond).toFixed(3)),
        memory: await contestant.end(),
      };
    }),
    comparisons,
    leftOut,
  };
  await ceiling.end();
  console.log(JSON.stringify(report));
}

for (const network of networks) {
  if (flags.only === undefined || flags.only === network.modelName) await benchNetwork(network);
}
process.exit(0);
