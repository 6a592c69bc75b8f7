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
const ours = [process.execPath, join(packageRoot, 'dist/bench/ourStep.js')];

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

async function benchNetwork({ modelName, batchSize }: (typeof networks)[number]): Promise<void> {
  const given = [modelName, String(batchSize)];
  const float32 = await expectStarted([...ours, ...given, 'float32']);
  const bfloat16 = await expectStarted([...ours, ...given, 'bfloat16']);
  const ceiling = await Contestant.start([python, script('peers_ceiling.py')]);
  const ceilings: ByPrecision<number>[] = [];
  const comparisons: Comparison[] = [];
  const leftOut: Record<string, string> = {};
  const all = { float32: [] as number[], bfloat16: [] as number[] };
  for (const [name, [command, ...args]] of Object.entries(peers)) {
    if (!new RegExp(flags.peers).test(name)) continue;
    const peer = await Contestant.start([...command, ...given, ...args]);
    if (typeof peer === 'string') {
      leftOut[name] = peer;
      console.log(`${modelName}, ${name}: left out, ${peer}`);
      continue;
    }
    const contestants = { peer, float32, bfloat16 };
    const times: Record<string, number[]> = { peer: [], float32: [], bfloat16: [] };
    const [firstMs = 0] = await peer.train(1);
    const count = (1000 * Number(flags.seconds)) / firstMs;
    const turns = Math.max(2, Math.min(6, Math.round(count)));
    const steps = Math.max(1, Math.round(count / turns));
    for (let turn = 0; turn < turns; turn++) {
      const order = Object.entries(contestants);
      for (const [key, contestant] of turn % 2 === 0 ? order : order.reverse()) {
        times[key]!.push(...(await contestant.train(steps)));
      }
    }
    if (typeof ceiling !== 'string') {
      ceilings.push((await ceiling.ask('go')) as ByPrecision<number>);
    }
    all.float32.push(...times['float32']!);
    all.bfloat16.push(...times['bfloat16']!);
    const ms = (key: string) => Number(median(times[key]!).toPrecision(4));
    const comparison: Comparison = {
      peer: name,
      version: peer.version,
      peerMs: ms('peer'),
      float32Ms: ms('float32'),
      bfloat16Ms: ms('bfloat16'),
      float32Ratio: Number((ms('peer') / ms('float32')).toFixed(2)),
      bfloat16Ratio: Number((ms('peer') / ms('bfloat16')).toFixed(2)),
      peerMemory: await peer.end(),
    };
    comparisons.push(comparison);
    console.log(
      `${modelName}, ${name}: ${comparison.peerMs} ms; ours ${comparison.float32Ms} ms in float32 (${comparison.float32Ratio} ×), ` +
        `${comparison.bfloat16Ms} ms in bfloat16 (${comparison.bfloat16Ratio} ×)`,
    );
  }
  const { input } = await firstBatch(builtInFor(modelName), modelName, 2);
  const { signatures } = stepGraph({ modelName, input });
  const gigaFlops = productFlops(Object.values(signatures['train']!.outputs), batchSize) / 1e9;
  const best = (key: 'float32' | 'bfloat16') => Math.max(...ceilings.map((rates) => rates[key]));
  const ofCeiling = (key: 'float32' | 'bfloat16') =>
    Number(((1000 * gigaFlops) / median(all[key]) / best(key)).toFixed(3));
  const report: PeersReport = {
    network: modelName,
    batchSize,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
    engine: float32.version,
    gigaFlops: Number(gigaFlops.toPrecision(4)),
    ceilingGigaFlopsPerSecond: { float32: best('float32'), bfloat16: best('bfloat16') },
    shareOfCeiling: { float32: ofCeiling('float32'), bfloat16: ofCeiling('bfloat16') },
    memory: { float32: await float32.end(), bfloat16: await bfloat16.end() },
    comparisons,
    leftOut,
  };
  if (typeof ceiling !== 'string') await ceiling.end();
  console.log(JSON.stringify(report));
}

for (const network of networks) {
  if (flags.only === undefined || flags.only === network.modelName) await benchNetwork(network);
}
process.exit(0);
