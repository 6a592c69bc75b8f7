import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { MonitoringHistory } from '../../src/recording/monitoringHistory.ts';
import { historyOf, spatialLayer } from '../views/someViews.ts';

/** An observation of item 1 with one layer of one position. */
function observation(step: number, contribution: number, size = 1) {
  const map = new Float32Array(size * size).fill(contribution);
  return {
    itemIndex: 1,
    epoch: step,
    step,
    label: 'b',
    output: 'a',
    outputProbability: 1,
    contribution,
    layers: [
      {
        name: 'pool1',
        contribution: 2 * contribution,
        maps: { height: size, width: size, contributionMap: map, reductionMap: map },
      },
    ],
    input: {
      data: new Float32Array(size * size),
      shape: [size, size, 1] as [number, number, number],
    },
  };
}

test('ten encounters are kept: the first, the last, and between them on a logarithmic scale', () => {
  const history = new MonitoringHistory('Logits', ['pool1']);
  for (let n = 1; n <= 1000; n++) {
    history.add(observation(n, 1));
    const numbers = history.encountersOf(1).map((encounter) => encounter.number);
    assert.equal(numbers.length, Math.min(n, 10));
    assert.equal(numbers[0], 1);
    assert.equal(numbers.at(-1), n);
  }
  const numbers = history.encountersOf(1).map((encounter) => encounter.number);
  const ratios = numbers.slice(1).map((n, i) => n / numbers[i]!);
  assert.ok(Math.max(...ratios) < 4, numbers.join());
});

test('S at every layer is kept over all steps, thinned out when there are many', () => {
  const history = new MonitoringHistory('Logits', ['pool1']);
  for (let n = 1; n <= 100; n++) history.add(observation(n, n));
  const [logits, pool1] = history.seriesOf(1);
  assert.deepEqual(
    logits!.steps,
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  assert.deepEqual(logits!.contributions, logits!.steps);
  assert.deepEqual(
    pool1!.contributions,
    logits!.steps.map((n) => 2 * n),
  );
  for (let n = 101; n <= 5000; n++) {
    history.add(observation(n, n));
    const { steps, contributions } = history.seriesOf(1)[0]!;
    assert.ok(steps.length <= 400);
    assert.deepEqual([steps[0], steps.at(-1)], [1, n]);
    assert.deepEqual(contributions, steps);
  }
  const gaps = history.seriesOf(1)[0]!.steps.map((step, i, all) => step - (all[i - 1] ?? 0));
  assert.ok(Math.max(...gaps) <= 32, String(Math.max(...gaps)));
});

test('a layer that is Hs and in Hm is one line', () => {
  const history = new MonitoringHistory('pool1', ['pool1']);
  history.add(observation(1, 1));
  assert.deepEqual(
    history.seriesOf(1).map(({ layer }) => layer),
    ['pool1'],
  );
});

test('maps are kept in bytes of their maximum, large ones reduced with their mean', () => {
  const history = new MonitoringHistory('Logits', ['pool1']);
  const layer = spatialLayer('pool1', 112, 112, 1);
  history.add({ ...observation(1, 1, 112), layers: [layer] });
  const stored = history.encountersOf(1)[0]!.maps[0]!;
  assert.deepEqual([stored.width, stored.height], [48, 48]);
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  const kept = (mean(stored.contributionMap) * stored.maximum) / 255;
  const exact = mean(layer.maps!.contributionMap);
  assert.ok(Math.abs(kept - exact) < 0.01 * exact, `${kept} for ${exact}`);
});

test('an item takes a bounded number of bytes', () => {
  const bytes = (encounters: number) => serialize(historyOf(encounters).state).length;
  assert.ok(bytes(1000) < 40_000, String(bytes(1000)));
});

test('colour scales of an item and of the run rise in steps of 1, 2, 5 and never fall', () => {
  const history = new MonitoringHistory('Logits', ['pool1']);
  const seen = [0.3, 0.9, 0.1, 1.7, 4].map((value, i) => {
    history.add(observation(i + 1, value));
    return history.scaleMaximumOf(1, 'item');
  });
  assert.deepEqual(seen, [0.5, 1, 1, 2, 5]);
  history.add({ ...observation(6, 70), itemIndex: 2 });
  assert.equal(history.scaleMaximumOf(1, 'item'), 5);
  assert.equal(history.scaleMaximumOf(1, 'run'), 100);
  assert.equal(history.scaleMaximumOf(1, 'view'), undefined);
});

test('a history from a checkpoint goes on as if it had not been interrupted', () => {
  const whole = historyOf(0);
  let parts = historyOf(0);
  for (let n = 1; n <= 40; n++) {
    for (const history of [whole, parts]) history.add(observation(n, 100 / n));
    if (n % 7 === 0) {
      const state = deserialize(serialize(parts.state));
      parts = new MonitoringHistory('Logits', ['pool1', 'pool2'], state);
    }
  }
  assert.deepEqual(parts.state, whole.state);
});

test('a history of other layers is left behind', () => {
  const { state } = historyOf(3);
  const other = new MonitoringHistory('Logits', ['pool2'], state);
  assert.deepEqual(other.itemIndices, []);
  assert.equal(other.scaleMaximumOf(7, 'run'), 0);
  assert.deepEqual(new MonitoringHistory('Logits', ['pool1', 'pool2'], state).itemIndices, [7]);
});
