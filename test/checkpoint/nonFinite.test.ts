import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstNonFinite } from '../../src/checkpoint/nonFinite.ts';

const vector = (...values: number[]) => ({
  data: Float32Array.from(values),
  shape: [values.length],
});

test('the first variable that is not finite is that of the order that is asked for', () => {
  const { NaN: none, POSITIVE_INFINITY: most, MAX_VALUE: large } = Number;
  const values = {
    late: vector(0, none),
    early: vector(1, -most, none),
    fine: vector(-0, 3e38, 1e-45),
    count: { data: Int32Array.of(-5), shape: [] },
  };
  const named = (...names: string[]) => names.map((name) => ({ name }));
  const order = named('fine', 'count', 'early', 'late');
  assert.deepEqual(firstNonFinite(order, values), { name: 'early', value: -most });
  assert.deepEqual(firstNonFinite(named('late', 'early'), values), { name: 'late', value: none });
  assert.equal(firstNonFinite(named('fine', 'count'), values), undefined);
  // No float32: it becomes infinite.
  assert.equal(firstNonFinite(named('w'), { w: vector(large) })?.value, most);
});
