import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectionTable } from '../../src/recording/selectionTable.ts';

function record(rank: number, label: string) {
  return {
    epoch: 1,
    step: 10,
    rank,
    item: rank + 100,
    label,
    output: 'cat',
    probability: 0.987,
    contributions: { Logits: 12.34 },
    score: 12.34,
  };
}

test('selected items are a Markdown table whose cells keep the marks in class names', () => {
  const options = {
    selectionLayer: 'Logits',
    isNew: (item: number) => item === 102,
    plantedErrors: new Set([101]),
  };
  const lines = selectionTable([record(1, 'a|b'), record(2, '*star*')], options).split('\n');
  assert.deepEqual(lines, [
    '| rank | item | label | output | probability | S (nats) | new | planted error |',
    '| ---: | ---: | --- | --- | ---: | ---: | --- | --- |',
    '| 1 | 101 | a&#124;b | cat | 0.99 | +12.3 |  | yes |',
    '| 2 | 102 | \\*star\\* | cat | 0.99 | +12.3 | new |  |',
  ]);
});

test('a long table ends with what is left out', () => {
  const records = Array.from({ length: 130 }, (_, i) => record(i + 1, 'dog'));
  const options = { selectionLayer: 'Logits', isNew: () => false, plantedErrors: undefined };
  const lines = selectionTable(records, options).split('\n');
  assert.equal(lines.length, 2 + 100 + 2);
  assert.equal(lines.at(-1), 'and 30 more in selection.csv');
  assert.ok(!lines[0]!.includes('planted'));
});
