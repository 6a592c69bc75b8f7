/**
 * Our bare training step beside TensorFlow's own and PyTorch's, and how far each is from what the machine can do.
 *
 *     node dist/bench/peers.js [--only lenet|cifarnet|resnet_v1_50] [--seconds 6] [--peers PATTERN]
 *
 * Each peer trains in a process of its own ($LOSSLENS_PYTHON, or python3, with TensorFlow; $LOSSLENS_TORCH_PYTHON, or
 * the same, with PyTorch), in turns with ours in float32 and bfloat16 until each turn of it took about --seconds in
 * all. The ceiling, the rate of large matrix products, is measured in the same turns. Prints one JSON object a network.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/packageRoot.ts';
import { Contestant } from './contestant.ts';
import { productFlops } from './flops.ts';
import { median } from './measure.ts';
import type { ByPrecision, Comparison, PeersReport } from './peersTable.ts';
import { builtInFor, firstBatch, stepGraph } from './trainingStep.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '6' },
    peers: { type: 'string', default: '' },
  },
});

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

async function expectStarted(command: readonly string[]): Promise<Contestant> {
  const started = await Contestant.start(command);
  if (typeof started === 'string') throw new Error(`${command.join(' ')}: ${started}`);
  return started;
}

/** Ours in both precisions, and everything they took. */
interface Ours extends ByPrecision<Contestant> {
  readonly times: ByPrecision<number[]>;
}

/** Has a peer and ours train in turns. */
async function compare(name: string, peer: Contestant, ours: Ours): Promise<Comparison> {
  const [firstMs = 0] = await peer.train(1);
  const count = (1000 * Number(flags.seconds)) / firstMs;
  const turns = Math.max(2, Math.min(6, Math.round(count)));
  const steps = Math.max(1, Math.round(count / turns));
  const times = { peer: [] as number[], float32: [] as number[], bfloat16: [] as number[] };
  for (let turn = 0; turn < turns; turn++) {
    const order = ['peer', 'float32', 'bfloat16'] as const;
    for (const key of turn % 2 === 0 ? order : order.toReversed()) {
      const contestant = key === 'peer' ? peer : ours[key];
      times[key].push(...(await contestant.train(steps)));
    }
  }
  ours.times.float32.push(...times.float32);
  ours.times.bfloat16.push(...times.bfloat16);
  const ms = (key: keyof typeof times) => Number(median(times[key]).toPrecision(4));
  return {
    peer: name,
    version: peer.version,
    peerMs: ms('peer'),
    float32Ms: ms('float32'),
    bfloat16Ms: ms('bfloat16'),
    float32Ratio: Number((ms('peer') / ms('float32')).toFixed(2)),
    bfloat16Ratio: Number((ms('peer') / ms('bfloat16')).toFixed(2)),
    peerMemory: await peer.end(),
  };
}

async function benchNetwork({ modelName, batchSize }: (typeof networks)[number]): Promise<void> {
  const given = [modelName, String(batchSize)];
  const ours: Ours = {
    float32: await expectStarted([...ourStep, ...given, 'float32']),
    bfloat16: await expectStarted([...ourStep, ...given, 'bfloat16']),
    times: { float32: [], bfloat16: [] },
  };
  const ceiling = await expectStarted([python, script('peers_ceiling.py')]);
  const ceilings: ByPrecision<number>[] = [];
  const comparisons: Comparison[] = [];
  const leftOut: Record<string, string> = {};
  for (const [name, [command, ...args]] of Object.entries(peers)) {
    if (!new RegExp(flags.peers).test(name)) continue;
    const peer = await Contestant.start([...command, ...given, ...args]);
    if (typeof peer === 'string') {
      leftOut[name] = peer;
      console.log(`${modelName}, ${name}: left out, ${peer}`);
      continue;
    }
    const row = await compare(name, peer, ours);
    ceilings.push((await ceiling.ask('go')) as ByPrecision<number>);
    comparisons.push(row);
    console.log(
      `${modelName}, ${name}: ${row.peerMs} ms; ours ${row.float32Ms} ms in float32 (${row.float32Ratio} ×), ` +
        `${row.bfloat16Ms} ms in bfloat16 (${row.bfloat16Ratio} ×)`,
    );
  }
  const { input } = await firstBatch(await builtInFor(modelName), modelName, 2);
  const { signatures } = await stepGraph({ modelName, input });
  const gigaFlops = productFlops(Object.values(signatures['train']!.outputs), batchSize) / 1e9;
  const best = (key: 'float32' | 'bfloat16') => Math.max(...ceilings.map((rates) => rates[key]));
  const ofCeiling = (key: 'float32' | 'bfloat16') =>
    Number(((1000 * gigaFlops) / median(ours.times[key]) / best(key)).toFixed(3));
  const report: PeersReport = {
    network: modelName,
    batchSize,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
    engine: ours.float32.version,
    gigaFlops: Number(gigaFlops.toPrecision(4)),
    ceilingGigaFlopsPerSecond: { float32: best('float32'), bfloat16: best('bfloat16') },
    shareOfCeiling: { float32: ofCeiling('float32'), bfloat16: ofCeiling('bfloat16') },
    memory: { float32: await ours.float32.end(), bfloat16: await ours.bfloat16.end() },
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
