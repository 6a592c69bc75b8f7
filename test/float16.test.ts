import assert from 'node:assert/strict';
import { test } from 'node:test';
import { float16Values, toFloat16 } from '../src/float16.ts';

test('every number of half precision is its own nearest one', () => {
  const values = float16Values();
  for (let bits = 0; bits < 1 << 16; bits++) {
    if (Number.isFinite(values[bits])) assert.equal(toFloat16(values[bits]!), bits, `${bits}`);
  }
});

test('numbers are rounded to the nearest, ties to even, and kept below infinity', () => {
  // From IEEE 754: 1 + 2^-11 lies between 1 and 1 + 2^-10, 1 + 3·2^-11 between that and 1 + 2^-9.
  const cases: [value: number, expected: number][] = [
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [-(1 + 2 ** -11 + 2 ** -20), -(1 + 2 ** -10)],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [2 ** -14 - 2 ** -26, 2 ** -14],
    [2047.5, 2048],
    [65519, 65504],
    [1e9, 65504],
    [-1e9, -65504],
  ];
  for (const [value, expected] of cases) {
    assert.equal(float16Values()[toFloat16(value)], expected, `${value}`);
  }
  assert.ok(Number.isNaN(float16Values()[toFloat16(Number.NaN)]));
});
