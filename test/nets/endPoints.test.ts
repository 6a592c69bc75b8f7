import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { endPointName, pickEndPoints } from '../../src/nets/endPoints.ts';
import { getNetwork } from './getNetwork.ts';

/** A network with 10 classes, built for training. */
function built(modelName: string) {
  const graph = new Graph();
  const isOfTexts = modelName === 'textcnn';
  const input = isOfTexts
    ? placeholder(graph, 'int32', [-1, 16], 'token_ids')
    : placeholder(graph, 'float32', [-1, 64, 64, 3], 'images');
  const outputs = getNetwork(modelName).build(input, {
    numClasses: 10,
    vocabularySize: isOfTexts ? 100 : undefined,
    isTraining: true,
    weightDecay: 0,
    dropoutSeed: placeholder(graph, 'int32', [2], 'dropout_seed'),
    computeType: 'float32',
    updates: [],
  });
  return { ...outputs, modelName };
}

const resnet = built('resnet_v1_50');
const lenet = built('lenet');

/** What is said when a name stands for no end point. */
function refusal(name: string, network: typeof resnet): string {
  try {
    endPointName('--hs', name, network);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  return assert.fail(`"${name}" was taken`);
}

test('logits, in any case, are the logits of every network', () => {
  for (const modelName of ['cifarnet', 'lenet', 'resnet_v1_50', 'textcnn']) {
    const network = built(modelName);
    for (const name of ['Logits', 'logits', 'LOGITS']) {
      const found = endPointName('--hs', name, network);
      assert.equal(network.endPoints.get(found), network.logits, `${modelName}: ${name}`);
    }
  }
});

test('an end of a name is enough where one layer alone has it, case aside', () => {
  const names = {
    block4: 'resnet_v1_50/block4',
    Block4: 'resnet_v1_50/block4',
    'block1/unit_1/bottleneck_v1/shortcut': 'resnet_v1_50/block1/unit_1/bottleneck_v1/shortcut',
    'resnet_v1_50/logits': 'resnet_v1_50/logits',
    'resnet_v1_50/BLOCK4': 'resnet_v1_50/block4',
    global_pool: 'global_pool',
  };
  for (const [given, full] of Object.entries(names)) {
    assert.equal(endPointName('--hm', given, resnet), full);
  }
  assert.equal(endPointName('--hm', 'POOL1', lenet), 'pool1');
});

test('a part of a word is no end of a name', () => {
  assert.match(refusal('lock4', resnet), /got "lock4"; expected a layer, such as .*block4/);
  assert.match(refusal('', resnet), /got ""/);
});

test('an end that more layers have is refused with some of them', () => {
  assert.equal(
    refusal('shortcut', resnet),
    '--hs: got "shortcut", which 4 layers end with; expected one of them, such as ' +
      [1, 2, 3].map((b) => `resnet_v1_50/block${b}/unit_1/bottleneck_v1/shortcut`).join(', ') +
      '. All: losslens layers --model_name=resnet_v1_50',
  );
});

test('an unknown name is refused with the three nearest, not with all', () => {
  assert.equal(
    refusal('pool3', lenet),
    '--hs: got "pool3"; expected a layer, such as pool1, pool2, conv1. All: losslens layers --model_name=lenet',
  );
  assert.match(refusal('block5', resnet), /such as (resnet_v1_50\/block\d(, )?){3}\. All: /);
  assert.match(refusal('resnet_v1_50/blok4', resnet), /such as resnet_v1_50\/block4, /);
});

test('case counts where it tells two end points apart', () => {
  const { logits } = lenet;
  const [first, second] = [...lenet.endPoints.values()];
  const endPoints = new Map([
    ['net/a', first!],
    ['net/A', second!],
    ['Logits', logits],
  ]);
  assert.equal(endPointName('--hm', 'A', { logits, endPoints }), 'net/A');
  assert.equal(endPointName('--hm', 'net/a', { logits, endPoints }), 'net/a');
});

test('layers are picked by their full names, each once, in network order', () => {
  const picked = pickEndPoints('--hm', ['logits', 'block4', 'resnet_v1_50/block4'], resnet);
  assert.deepEqual([...picked.keys()], ['resnet_v1_50/block4', 'resnet_v1_50/spatial_squeeze']);
});

/** The layers that names and patterns stand for. */
function picked(names: readonly string[], network: typeof resnet): string[] {
  return [...pickEndPoints('--hm', names, network).keys()];
}

test('all are the layers on the way to the logits, of any network', () => {
  const onTheWay = [...lenet.endPoints.keys()].filter((name) => name !== 'Predictions');
  for (const all of ['all', 'ALL', '*']) assert.deepEqual(picked([all], lenet), onTheWay);
  assert.equal(picked(['all'], resnet).length, resnet.endPoints.size - 1);
});

test('a star takes any part of a name, and what is before it begins one', () => {
  const units = [3, 4, 6, 3].flatMap((count, block) =>
    Array.from({ length: count }, (_, unit) => `resnet_v1_50/block${block + 1}/unit_${unit + 1}`),
  );
  assert.deepEqual(
    picked(['block*/conv2'], resnet),
    units.map((unit) => `${unit}/bottleneck_v1/conv2`),
  );
  assert.deepEqual(
    picked(['UNIT_3/*_v1'], resnet),
    units.filter((unit) => unit.endsWith('unit_3')).map((unit) => `${unit}/bottleneck_v1`),
  );
  // One convolution at the beginning, three in each unit, and a shortcut in each block.
  assert.equal(picked(['conv*', 'shortcut*'], resnet).length, 1 + 3 * 16 + 4);
  assert.deepEqual(picked(['pool*', 'fc3', 'Pool1'], lenet), ['pool1', 'pool2', 'fc3']);
});

test('a pattern that fits no layer is refused with the nearest names', () => {
  for (const [pattern, nearest] of [
    ['ool*', 'pool1, pool2'],
    ['pol*', 'pool1, pool2'],
    ['conv*3', 'conv1, conv2'],
    // A dot is no wild card, and no layer that the loss does not depend on is looked for.
    ['p..l*', 'pool1, pool2'],
    ['Pred*', ''],
  ] as const) {
    assert.throws(
      () => pickEndPoints('--hm', [pattern], lenet),
      (error: Error) => {
        const start = `--hm: got "${pattern}", which no layer's name fits; expected names such as ${nearest}`;
        assert.ok(error instanceof UsageError && error.message.startsWith(start), error.message);
        return error.message.endsWith('. All: losslens layers --model_name=lenet');
      },
    );
  }
});

test('a layer that is called all is that layer', () => {
  const { logits, endPoints } = lenet;
  const named = new Map([['all', endPoints.get('pool1')!], ...endPoints]);
  assert.deepEqual(
    [...pickEndPoints('--hm', ['all'], { logits, endPoints: named }).keys()],
    ['all'],
  );
});
