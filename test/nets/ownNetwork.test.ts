import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Graph } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { loadNetwork } from '../../src/nets/factory.ts';
import { absoluteNetworkName, networkTitle } from '../../src/nets/ownNetwork.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { briefly, losslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';

const folder = temporaryFolder();

function writeModule(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

/** The first JavaScript in the documentation. */
function documentedExample(): string {
  const page = readFileSync(join(packageRoot, 'docs/networks.md'), 'utf8');
  return /```js\n([\s\S]*?)```/.exec(page)![1]!;
}

test('the documented network trains, and its checkpoint is evaluated', async () => {
  const path = writeModule('my-net.mjs', documentedExample());
  const trainDir = join(folder, 'run');
  const data = temporaryFolder();
  writeSmallMnist(data, 400, 60);
  const model = ['--engine=wasm', `--model_name=${path}`];
  const trained = await losslens([
    'train',
    ...model,
    ...briefly,
    `--train_dir=${trainDir}`,
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    '--batch_size=20',
    '--max_number_of_steps=60',
    '--optimizer=momentum',
    '--learning_rate=0.005',
    '--ns=8',
  ]);
  assert.equal(trained.code, 0, trained.stderr);
  const evaluated = await losslens([
    'evaluate',
    ...model,
    `--checkpoint_path=${trainDir}`,
    '--max_num_batches=3',
  ]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  const accuracy = Number(/accuracy (\d\.\d+)/.exec(evaluated.stdout)![1]);
  assert.ok(accuracy > 0.3, evaluated.stdout);
});

test('layers prints the end points of a network of one’s own', async () => {
  const path = writeModule('my-net.mjs', documentedExample());
  const { code, stdout } = await losslens(['layers', `--model_name=${path}`, '--image_channels=1']);
  assert.equal(code, 0);
  assert.match(stdout, /^my-net, images 28×28×1, 10 classes\n/);
  assert.match(stdout, /\nconv1 +28×28×16 +yes +176 +own\n/);
  assert.match(stdout, /\nunit +14×14×16 +yes +2,336 +own\n/);
  assert.match(stdout, /\nPredictions +10 +none\n/);
});

const rest = "export const defaultImageSize = 8; export const preprocessingName = 'lenet';";
const logits = "import { flatten, fullyConnected } from 'losslens';\n";

const mistakes: Record<string, [name: string, source: string | null, message: RegExp]> = {
  'a file that is not there': [
    'none.mjs',
    null,
    /--model_name: found no file .*none\.mjs; expected/,
  ],
  'a file without the function': [
    'no-build.mjs',
    rest,
    /no-build\.mjs: found no export "build"; expected a function from images/,
  ],
  'a file without the size': [
    'no-size.mjs',
    'export const build = () => {};',
    /found no export "defaultImageSize"; expected the side/,
  ],
  'a wrong preprocessing': [
    'no-name.mjs',
    'export const build = () => {}; export const defaultImageSize = 8; export const preprocessingName = 3;',
    /the export "preprocessingName" is wrong; expected the name/,
  ],
  'a network of texts without their length': [
    'no-length.mjs',
    "export const build = () => {}; export const takes = 'texts';",
    /found no export "defaultSequenceLength"; expected the length of its texts/,
  ],
  'a syntax error': [
    'syntax.mjs',
    'export const = 3;',
    /syntax\.mjs cannot be imported \(SyntaxError: /,
  ],
  'an import that does not exist': [
    'import.mjs',
    "import { conv9d } from 'losslens';",
    /cannot be imported \(SyntaxError: .*conv9d/,
  ],
  'nothing returned': [
    'nothing.mjs',
    `export const build = () => {}; ${rest}`,
    /nothing\.mjs: build returned no logits; expected \{ logits, endPoints \}/,
  ],
  'logits of another shape': [
    'shape.mjs',
    `export const build = (images) => ({ logits: images, endPoints: new Map() }); ${rest}`,
    /shape\.mjs: build returned the logits images float32\[\?,8,8,1\]; expected .* float32\[\?,10\]/,
  ],
  'end points that are no Map': [
    'map.mjs',
    `${logits}export const build = (images, context) => ({
      logits: fullyConnected(context, flatten(images), 'fc', context.numClasses), endPoints: {} }); ${rest}`,
    /map\.mjs: build returned endPoints that are no Map/,
  ],
  'an end point that is no layer': [
    'point.mjs',
    `${logits}export const build = (images, context) => ({
      logits: fullyConnected(context, flatten(images), 'fc', context.numClasses),
      endPoints: new Map([['fc', 3]]) }); ${rest}`,
    /point\.mjs: build returned the end point "fc" that is no tensor/,
  ],
  'end points without the logits': [
    'unlisted.mjs',
    `${logits}export const build = (images, context) => ({
      logits: fullyConnected(context, flatten(images), 'fc', context.numClasses),
      endPoints: new Map([['images', images]]) }); ${rest}`,
    /unlisted\.mjs: build returned endPoints without the logits/,
  ],
  'an auxiliary classifier without a weight': [
    'auxiliary.mjs',
    `${logits}export const build = (images, context) => {
      const logits = fullyConnected(context, flatten(images), 'fc', context.numClasses);
      return { logits, endPoints: new Map([['fc', logits]]), auxiliary: { logits } }; }; ${rest}`,
    /auxiliary\.mjs: build returned an auxiliary that is not \{ logits, weight \}/,
  ],
  'an error of its own': [
    'throws.mjs',
    `export const build = (images) => images.nonsense.more; ${rest}`,
    /throws\.mjs: build failed \(Cannot read properties of undefined/,
  ],
};

for (const [mistake, [name, source, message]] of Object.entries(mistakes)) {
  test(`${mistake} is reported with the file`, async () => {
    const path = source === null ? join(folder, name) : writeModule(name, source);
    await assert.rejects(async () => {
      const { build } = await loadNetwork(path);
      const graph = new Graph();
      build(placeholder(graph, 'float32', [-1, 8, 8, 1], 'images'), {
        numClasses: 10,
        isTraining: true,
        weightDecay: 0,
        dropoutSeed: placeholder(graph, 'int32', [2], 'seed'),
        computeType: 'float32',
        updates: [],
      });
    }, message);
  });
}

test('a network of the layers of mobile networks, with an auxiliary classifier, trains', async () => {
  writeSmallMnist(folder, 60, 1);
  const path = writeModule(
    'mobile.mjs',
    `
import { add, avgPool2d, conv2d, depthwiseConv2d, dropBranch, fanOutNormal, flatten, fullyConnected } from 'losslens';
export const defaultImageSize = 28;
export const preprocessingName = 'lenet';
const batchNorm = { decay: 0.9, epsilon: 1e-3 };
const options = { weights: fanOutNormal(2), batchNorm, activation: 'relu6' };
export function build(images, context) {
  const stem = conv2d(context, images, 'stem', 8, [3, 5], { ...options, stride: 2 });
  const spatial = depthwiseConv2d(context, stem, 'spatial', 3, { ...options, activation: 'swish' });
  const wide = conv2d(context, spatial, 'wide', 8, 3, { ...options, rate: 2 });
  const unit = add(dropBranch(context, wide, 'drop', 0.9, 1), stem);
  const pooled = flatten(avgPool2d(unit, 'pooled', 7, { stride: 7 }));
  const linear = { activation: 'linear' };
  const logits = fullyConnected(context, pooled, 'logits', context.numClasses, linear);
  const second = fullyConnected(context, flatten(stem), 'second', context.numClasses, linear);
  const endPoints = new Map(Object.entries({ stem, spatial, wide, unit, pooled, logits }));
  return { logits, endPoints, auxiliary: { logits: second, weight: 0.3 } };
}`,
  );
  const { code, stderr } = await losslens([
    'train',
    '--engine=wasm',
    ...briefly,
    `--train_dir=${join(folder, 'mobile')}`,
    ...['--dataset_name=mnist', `--dataset_dir=${folder}`],
    `--model_name=${path}`,
    '--batch_size=20',
    '--max_number_of_steps=3',
    '--ns=4',
    '--hm=spatial,unit',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /selected 4 items/);
});

test('the network of texts of the documentation is trained on texts', async () => {
  const page = readFileSync(join(packageRoot, 'docs/networks.md'), 'utf8');
  const source = [...page.matchAll(/```js\n([\s\S]*?)```/g)][1]![1]!;
  const path = writeModule('words.mjs', source);
  const { code, stderr } = await losslens([
    'train',
    '--engine=wasm',
    ...briefly,
    `--train_dir=${join(folder, 'words')}`,
    '--dataset_name=phrases',
    `--model_name=${path}`,
    '--batch_size=50',
    '--max_number_of_steps=3',
    '--ns=4',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /selected 4 items/);
});

test('TypeScript is read where Node strips types, and refused with a reason elsewhere', async () => {
  const source = `import type { Network } from 'losslens';
    ${logits}export const build: Network = (images, context) => ({
      logits: fullyConnected(context, flatten(images), 'fc', context.numClasses),
      endPoints: new Map() }); ${rest}`;
  const path = writeModule('typed.ts', source);
  const { typescript } = process.features as { typescript?: string | false };
  if (typescript) assert.ok('defaultImageSize' in (await loadNetwork(path)));
  else await assert.rejects(loadNetwork(path), /cannot read TypeScript .*expected Node 22\.18/);
});

test('a file stands for the same network in every folder, and for its name in titles', () => {
  assert.equal(absoluteNetworkName('./nets/mine.js'), join(process.cwd(), 'nets/mine.js'));
  assert.equal(absoluteNetworkName('lenet'), 'lenet');
  assert.equal(networkTitle('/home/me/nets/mine.mjs'), 'mine');
  assert.equal(networkTitle('resnet_v1_50'), 'resnet_v1_50');
});
