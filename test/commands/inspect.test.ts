import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { pictureMarker } from '../../datasets/formats/folderTree.ts';
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import type { HostTensor } from '../../src/engines/engine.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { buildPredictionGraph } from '../../src/model/predictionGraph.ts';
import { loadNetwork } from '../../src/nets/factory.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { hashed } from '../hashed.ts';
import { briefly, losslens, smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';
import { envOf } from '../reliability/smallDisk.ts';
import { writeResidualNetwork } from '../residualNetwork.ts';

interface Layer {
  contribution: number;
  C?: { shape: number[]; values: number[] };
  R?: { shape: number[]; values: number[] };
}

interface Inspection {
  items: { item: number; label: string; output: string; layers: Record<string, Layer> }[];
}

const data = temporaryFolder();
writeSmallMnist(data, 20, 10);
const residual = writeResidualNetwork(data);

/** Values of a variable that anyone can make again: from a hash, in a range that suits its kind. */
function madeValue(name: string, shape: readonly number[], index: number): Float32Array {
  const fanIn = sizeOf(shape) / shape.at(-1)!;
  const [middle, spread] = name.endsWith('weights')
    ? [0, Math.sqrt(6 / fanIn)]
    : /gamma|moving_variance/.test(name)
      ? [1, 0.5]
      : [0, 0.2];
  return new Float32Array(hashed(sizeOf(shape), index + 1).map((h) => middle + spread * h));
}

/** A checkpoint of a network with such values. @returns its prefix */
async function makeCheckpoint(model: string): Promise<string> {
  const network = await loadNetwork(model);
  const graph = buildPredictionGraph({
    network,
    numClasses: 10,
    input: preprocessedImages([28, 28, 1]),
  });
  const tensors = new Map<string, HostTensor>(
    graph.variables.map(({ name, shape }, index) => [
      name,
      { shape, data: madeValue(name, shape, index) },
    ]),
  );
  const folder = temporaryFolder();
  await saveCheckpoint(folder, 7, tensors, 1);
  return join(folder, 'model.ckpt-7');
}

function inspectArguments(model: string, checkpoint: string, ...more: readonly string[]) {
  return [
    'inspect',
    '--engine=wasm',
    `--checkpoint_path=${checkpoint}`,
    `--model_name=${model}`,
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    ...more,
  ];
}

/** Every number within 1e-4 of the expected one, relative to the largest of its kind. */
function assertClose(actual: Inspection, expected: Inspection): void {
  const numbersOf = ({ contribution, C, R }: Layer) => [
    [contribution],
    C?.values ?? [],
    R?.values ?? [],
  ];
  assert.equal(actual.items.length, expected.items.length);
  expected.items.forEach((item, i) => {
    assert.equal(actual.items[i]!.item, item.item);
    assert.deepEqual(Object.keys(actual.items[i]!.layers), Object.keys(item.layers));
    for (const [name, layer] of Object.entries(item.layers)) {
      const found = actual.items[i]!.layers[name]!;
      assert.deepEqual([found.C?.shape, found.R?.shape], [layer.C?.shape, layer.R?.shape]);
      // A sum is as exact as the terms that it adds up.
      const maps = [...(layer.C?.values ?? []), ...(layer.R?.values ?? [])];
      const terms = maps.reduce((sum, value) => sum + value, 0);
      numbersOf(layer).forEach((values, kind) => {
        const largest = Math.max(...values.map(Math.abs), kind === 0 ? terms : 0);
        values.forEach((value, k) => {
          const error = Math.abs(numbersOf(found)[kind]![k]! - value);
          assert.ok(error <= 1e-4 * largest, `item ${item.item} ${name} ${kind} ${k}: ${error}`);
        });
      });
    }
  });
}

const goldenPath = join(packageRoot, 'test/commands/inspect.golden.json');
const golden = JSON.parse(
  existsSync(goldenPath) ? readFileSync(goldenPath, 'utf8') : '[]',
) as Inspection[];
const skipPython = skipWithoutPython('tensorflow');

const cases = [
  { network: 'lenet', items: [0, 7], layers: 'conv1,pool1,conv2,pool2,Flatten,fc3,Logits' },
  { network: 'residual', items: [3, 5], layers: 'root,inner,unit,pooled,Logits' },
  {
    network: 'residual',
    items: [3, 5],
    batchOf: [1, 3, 9, 12],
    layers: 'root,inner,unit,pooled,Logits',
  },
];
const models: Record<string, string> = { lenet: 'lenet', residual };
const checkpoints = {
  lenet: await makeCheckpoint('lenet'),
  residual: await makeCheckpoint(residual),
} as Record<string, string>;

/** What is committed of an inspection: not the largest maps. */
function smallPart({ items }: Inspection): Inspection {
  const large = ['conv1', 'pool1', 'conv2', 'root'];
  return {
    items: items.map((item) => ({
      ...item,
      layers: Object.fromEntries(
        Object.entries(item.layers).filter(([layer]) => !large.includes(layer)),
      ),
    })),
  };
}

test('contributions and maps are those of TensorFlow’s GradientTape', async (t) => {
  const inspections = await Promise.all(
    cases.map(async ({ network, items, batchOf, layers }) => {
      const { code, stdout, stderr } = await losslens(
        inspectArguments(
          models[network]!,
          checkpoints[network]!,
          `--items=${items}`,
          // The order does not matter: layers come in network order.
          `--layers=${layers.split(',').reverse().join(',')}`,
          ...(batchOf === undefined ? [] : [`--batch_of=${batchOf}`]),
          '--json',
        ),
      );
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as Inspection;
    }),
  );
  if (skipPython === false) {
    const arguments_ = cases.map(({ network, items, batchOf }) =>
      JSON.stringify({ network, checkpoint: checkpoints[network], items, batchOf }),
    );
    const references = runPython('inspect_reference.py', data, ...arguments_) as Inspection[];
    references.forEach((reference, i) => {
      assertClose(inspections[i]!, reference);
      if (process.env['UPDATE']) golden[i] = smallPart(reference);
    });
    if (process.env['UPDATE']) writeFileSync(goldenPath, `${JSON.stringify(golden)}\n`);
  } else t.diagnostic(`compared with committed numbers alone: ${skipPython}`);
  golden.forEach((expected, i) => {
    assertClose(smallPart(inspections[i]!), expected);
  });
  assert.equal(golden.length, cases.length);
});

test('a run’s own data and layers need not be named again', async () => {
  const trainDir = temporaryFolder();
  const trained = await losslens([
    'train',
    '--engine=wasm',
    ...briefly,
    `--model_name=${smallNetwork}`,
    `--train_dir=${trainDir}`,
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    '--label_noise=0.3',
    '--seed=3',
    '--batch_size=10',
    '--max_number_of_steps=2',
    '--hm=pool2',
  ]);
  assert.equal(trained.code, 0, trained.stderr);
  const before = readdirSync(trainDir);
  const inspect = (...more: string[]) =>
    losslens([
      ...['inspect', '--engine=wasm', `--checkpoint_path=${trainDir}`],
      ...[`--model_name=${smallNetwork}`, ...more],
    ]);
  const [, item, , planted] = /^(\d+),(\w+),(\w+)$/m.exec(
    readFileSync(join(trainDir, 'label_noise.csv'), 'utf8'),
  )!;
  const output = temporaryFolder();
  const { code, stdout, stderr } = await inspect(`--items=${item}`, `--output_dir=${output}`);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /model\.ckpt-2, without dropout and augmentation; .* moving statistics/);
  // The label that the run was trained with, not the one of the source.
  assert.match(stdout, new RegExp(`item ${item}: label ${planted}, output \\w+ \\(0\\.\\d{4}\\)`));
  assert.match(stdout, /pool2 +−?[\d.e−]+ nats\n +Logits +−?[\d.e−]+ nats/);
  const file = `item-${item!.padStart(6, '0')}-${planted}.png`;
  assert.deepEqual(readdirSync(output).sort(), [pictureMarker, file]);
  const { width, height } = PNG.sync.read(readFileSync(join(output, file)));
  assert.equal(width, 350);
  assert.ok(height >= 216);
  // The planted errors are of the split that was trained on alone.
  const other = await inspect('--items=0', '--dataset_split_name=test');
  assert.equal(other.code, 0, other.stderr);
  assert.deepEqual(readdirSync(trainDir), before);
});

test('a view for which the disk has no room is named', async () => {
  const folder = temporaryFolder();
  const { code, stderr } = await losslens(
    inspectArguments(
      'lenet',
      checkpoints['lenet']!,
      ...['--items=0', '--layers=pool1', `--output_dir=${folder}`],
    ),
    envOf({ room: { folder, bytes: 1000 } }),
  );
  assert.equal(code, 1);
  const view = 'item-000000-\\w+\\.png: cannot be written to \\(no space left on device\\)\\.';
  assert.match(stderr, new RegExp(`^losslens: ${folder}/${view}$`, 'm'));
  assert.deepEqual(readdirSync(folder), [pictureMarker]);
});

test('mistakes are named', async () => {
  const expectError = async (message: RegExp, ...more: string[]) => {
    const { code, stderr } = await losslens(
      inspectArguments('lenet', checkpoints['lenet']!, ...more),
    );
    assert.equal(code, 2);
    assert.match(stderr, message);
  };
  await Promise.all([
    expectError(/--items: got item "20"; expected 0 to 19\./, '--items=20', '--layers=Logits'),
    expectError(
      /--layers: got "pol1"; expected a layer, such as pool1/,
      '--items=1',
      '--layers=pol1',
    ),
  ]);
});
