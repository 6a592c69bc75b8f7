import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { cast, placeholder } from '../../src/graph/ops/array.ts';
import { add, max, mean, mul, sum } from '../../src/graph/ops/math.ts';
import { nodesBefore, originOf } from '../../src/graph/walk.ts';
import { trainingGraph } from '../model/trainingSession.ts';

function operands(): { exact: Tensor; rounded: Tensor } {
  const graph = new Graph();
  const exact = placeholder(graph, 'float32', [4], 'exact');
  return { exact, rounded: cast(exact, 'bfloat16') };
}

test('bfloat16 beside float32 is computed in float32, beside a number in bfloat16', () => {
  const { exact, rounded } = operands();
  assert.equal(add(rounded, exact).dtype, 'float32');
  assert.equal(mul(exact, rounded).dtype, 'float32');
  assert.equal(mul(rounded, 0.5).dtype, 'bfloat16');
  assert.equal(mul(rounded, rounded).dtype, 'bfloat16');
});

test('sums of bfloat16 are taken in float32, the largest of them is one of them', () => {
  const { rounded } = operands();
  assert.equal(sum(rounded).dtype, 'float32');
  assert.equal(mean(rounded).dtype, 'float32');
  assert.equal(max(rounded).dtype, 'bfloat16');
});

test('a derivative has the type of what it is the derivative of', () => {
  const { exact, rounded } = operands();
  const loss = add(sum(mul(rounded, exact)), mean(max(rounded)));
  const derivatives = gradients(loss, [rounded, exact]);
  assert.deepEqual(
    derivatives.map((derivative) => derivative?.dtype),
    ['bfloat16', 'float32'],
  );
});

test('in bfloat16 nothing is cast between the layers, and statistics and logits are float32', () => {
  for (const modelName of ['lenet', 'cifarnet', 'resnet_v1_50']) {
    const { signatures, graph } = trainingGraph(modelName, [32, 32, 3], [], 'sgd', {
      computeType: 'bfloat16',
      selectionLayer: '',
    });
    const needed = nodesBefore([signatures['train']!.outputs['cross_entropy']!]);
    const variables = new Set([...graph.variables.values()].map(({ value }) => value));
    const casts = [...needed].filter(({ op, inputs }) => {
      const { origin } = originOf(inputs[0] ?? graph.nodes[0]!.outputs[0]!, new Set(['Identity']));
      return op === 'Cast' && !variables.has(origin) && origin.node.op !== 'Const';
    });
    // Images in; out the features that are averaged, and logits; what dropout multiplies with.
    const expected = { lenet: 3, cifarnet: 3, resnet_v1_50: 4 }[modelName];
    assert.equal(casts.length, expected, casts.map(({ name }) => name).join(', '));
    for (const { op, outputs } of needed) {
      if (op !== 'FusedBatchNormV3') continue;
      assert.deepEqual(
        outputs.map(({ dtype }) => dtype),
        ['bfloat16', ...new Array<string>(5).fill('float32')],
      );
    }
  }
});
