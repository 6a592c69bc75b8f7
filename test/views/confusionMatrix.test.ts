import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { drawConfusionMatrix } from '../../src/views/confusionMatrix.ts';
import { colormap } from '../../src/views/draw/colormap.ts';
import { toPng } from '../../src/views/draw/drawing.ts';

function draw(counts: readonly (readonly number[])[]): PNG {
  const classNames = counts.map((_, label) => `class ${label}`);
  const drawing = drawConfusionMatrix({ counts, classNames, title: 'step 1' });
  return PNG.sync.read(toPng(drawing));
}

function diagonal(classes: number): number[][] {
  return Array.from({ length: classes }, (_, label) =>
    Array.from({ length: classes }, (__, output) => (label === output ? 5 : 0)),
  );
}

function colors({ data }: PNG): Set<string> {
  const found = new Set<string>();
  for (let i = 0; i < data.length; i += 4) found.add(data.subarray(i, i + 3).join());
  return found;
}

test('the picture is one, two or three cards of TensorBoard wide', () => {
  for (const [classes, width] of [
    [2, 350],
    [10, 350],
    [14, 350],
    [26, 700],
    [100, 1050],
    [900, 1050],
  ] as const) {
    const picture = draw(diagonal(classes));
    assert.equal(picture.width, width, `${classes} classes`);
    assert.ok(picture.height <= width + 60, `${classes} classes: ${picture.height} pixels high`);
  }
});

test('cells are coloured by the root of their share of the row, empty ones not at all', () => {
  const picture = draw([
    [75, 25, 0],
    [0, 10, 0],
    [0, 0, 0],
  ]);
  const table = colormap('ocean');
  const found = colors(picture);
  const shown = (share: number) =>
    found.has(table[255 - Math.round(255 * Math.sqrt(share))]!.join());
  for (const share of [0.75, 0.25, 1]) assert.ok(shown(share), String(share));
  // A cell of this colour would be larger than what the legend has of it.
  const pale = table[255]!.join();
  let count = 0;
  for (let i = 0; i < picture.data.length; i += 4) {
    if (picture.data.subarray(i, i + 3).join() === pale) count++;
  }
  assert.ok(count < 200, `${count} pixels of an empty cell`);
});
