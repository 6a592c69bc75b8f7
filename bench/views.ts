/**
 * Cost of the views: drawing and compression, as the thread that makes them spends it.
 *
 *     node dist/bench/views.js [--repeats N] [--data DIR] [--rounds N]
 *
 * Prints milliseconds of processor time of all threads together (what one core would need), which
 * other work on the machine lengthens less than the wall clock. With MNIST's four files in
 * DIR/mnist, it also trains LeNet on TensorFlow with and without monitored items, in turn, 43 of
 * MNIST's 10,000 test items: as many in an epoch as 256 of its 60,000 training items. The last line
 * is one JSON object.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { makeDigits } from '../datasets/builtIn/digits.ts';
import type { MonitoredLayer } from '../src/insitu/monitoredLayer.ts';
import { packageRoot } from '../src/packageRoot.ts';
import { random } from '../src/random.ts';
import { MonitoringHistory } from '../src/recording/monitoringHistory.ts';
import { toPng } from '../src/views/draw/drawing.ts';
import { drawEvolutionView } from '../src/views/evolutionView.ts';
import { drawMonitoringView } from '../src/views/monitoringView.ts';
import { drawSelectionView } from '../src/views/selectionView.ts';
import { machine } from './machine.ts';
import { median } from './measure.ts';

const { values: flags } = parseArgs({
  options: {
    repeats: { type: 'string', default: '60' },
    data: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
});
const repeats = Number(flags.repeats);

const { pixels, labels } = makeDigits('train', 64);
const names = Array.from({ length: 10 }, (_, i) => `digit ${i}`);
const next = random(1);
const imageOf = (i: number) => ({
  width: 28,
  height: 28,
  channels: 1,
  data: pixels.subarray(784 * i, 784 * (i + 1)),
});
const selection = {
  epoch: 1,
  step: 80,
  selectionLayer: 'Logits',
  capacity: 64,
  modelName: 'lenet',
  items: Array.from(labels, (label, i) => ({
    itemIndex: 100 * i,
    image: imageOf(i),
    label: names[label]!,
    output: names[(label + 1) % 10]!,
    outputProbability: next(),
    contribution: 20 - i / 4,
    isNew: i % 3 === 0,
    hasPlantedError: i % 5 === 0,
  })),
};
/** Sparse, as maps behind a ReLU are. */
const map = (side: number) =>
  Float32Array.from({ length: side * side }, () => Math.max(0, next() - 0.5) ** 3);
const layerOf = (name: string, side: number): MonitoredLayer => ({
  name,
  contribution: next(),
  maps: { height: side, width: side, contributionMap: map(side), reductionMap: map(side) },
});
const history = new MonitoringHistory('Logits', ['pool1', 'pool2']);
const seen = (i: number) => ({
  itemIndex: 7,
  epoch: i,
  step: 80 * i,
  label: names[1]!,
  output: names[2]!,
  outputProbability: next(),
  contribution: next(),
  layers: [layerOf('pool1', 14), layerOf('pool2', 7)],
  input: {
    data: Float32Array.from(imageOf(0).data, (v) => (v - 128) / 128),
    shape: [28, 28, 1] as const,
  },
});
for (let i = 1; i <= 30; i++) history.add(seen(i));
const monitoring = { ...seen(31), original: imageOf(0), history: history.seriesOf(7) };
const evolution = {
  itemIndex: 7,
  label: names[1]!,
  selectionLayer: 'Logits',
  layers: ['pool1', 'pool2'],
  encounters: history.encountersOf(7),
  encounterCount: 30,
  history: history.seriesOf(7),
  isScaleShared: false,
};

const views = {
  selectionOf64: () => toPng(drawSelectionView(selection)),
  monitoringOf2Layers: () => toPng(drawMonitoringView(monitoring)),
  evolutionOf10Rows: () => toPng(drawEvolutionView(evolution)),
  encounterStored: () => history.add(seen(32)),
};

const times = Object.fromEntries(Object.keys(views).map((name) => [name, [] as number[]]));
const bytes: Record<string, number> = {};
for (let round = -5; round < repeats; round++) {
  for (const [name, make] of Object.entries(views)) {
    const before = process.cpuUsage();
    const png = make();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times[name]!.push((user + system) / 1000);
    bytes[name] = png?.length ?? 0;
  }
}
const report: Record<string, unknown> = {
  machine,
};
for (const [name, all] of Object.entries(times)) {
  const cpuMs = { median: median(all), min: Math.min(...all) };
  console.log(
    `${name}: ${cpuMs.median.toFixed(2)} ms (min ${cpuMs.min.toFixed(2)}), ${bytes[name]} bytes`,
  );
  report[name] = { cpuMs, bytes: bytes[name] };
}

/** Items per second in the second epoch of a run, the first in which items are monitored. */
async function secondEpochRate(data: string, monitoredItems: number): Promise<number> {
  const trainDir = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
  const args = [
    join(packageRoot, 'dist/bin/losslens.cjs'),
    'train',
    '--engine=tensorflow',
    '--precision=float32',
    `--train_dir=${trainDir}`,
    '--dataset_name=mnist',
    `--dataset_dir=${join(data, 'mnist')}`,
    '--dataset_split_name=test',
    '--model_name=lenet',
    '--batch_size=50',
    '--max_number_of_epochs=2',
    '--optimizer=sgd',
    '--learning_rate_decay_type=fixed',
    '--hm=pool1,pool2',
    '--ns=43',
    `--max_monitored_items=${monitoredItems}`,
    '--projector_items=0',
    '--save_interval_secs=0',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const endsMs: number[] = [];
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (/^epoch \d+:/.test(line)) endsMs.push(performance.now());
  }
  rmSync(trainDir, { recursive: true, force: true });
  if (endsMs.length !== 2) throw new Error(`losslens train: ${lines.join('\n')}`);
  return 10_000_000 / (endsMs[1]! - endsMs[0]!);
}

if (flags.data !== undefined) {
  const rates: Record<'monitored' | 'unmonitored', number[]> = { monitored: [], unmonitored: [] };
  for (let round = 0; round < Number(flags.rounds); round++) {
    const turns = [
      ['unmonitored', 0],
      ['monitored', 43],
    ] as const;
    // In either order, so that a machine that slows down favours neither.
    for (const [name, items] of round % 2 === 0 ? turns : turns.toReversed()) {
      rates[name].push(await secondEpochRate(flags.data, items));
    }
  }
  const ratio = median(rates.monitored.map((rate, i) => rate / rates.unmonitored[i]!));
  console.log(`items/s with monitored items ÷ without: ${ratio.toFixed(3)}`);
  for (const [name, all] of Object.entries(rates)) {
    console.log(`  ${name}: ${all.map(Math.round).join(', ')} items/s`);
  }
  report['training'] = { itemsPerSecond: rates, ratio };
}
console.log(JSON.stringify(report));
