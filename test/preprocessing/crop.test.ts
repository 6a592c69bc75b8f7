import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyWindow, reflectBorder } from '../../src/preprocessing/crop.ts';
import { random } from '../../src/random.ts';

test('a window has the pixels of the image where there are any and zeros elsewhere, mirrored or not', () => {
  const next = random(1);
  const below = (size: number) => Math.floor(next() * size);
  for (let round = 0; round < 500; round++) {
    const [imageWidth, imageHeight, width, height] = [
      below(12),
      below(12),
      below(12),
      below(12),
    ].map((size) => size + 1) as [number, number, number, number];
    const channels = [1, 3, 4][below(3)]!;
    const data = Uint8Array.from({ length: imageWidth * imageHeight * channels }, () => below(256));
    const [top, left] = [below(30) - 15, round % 4 === 0 ? 0 : below(30) - 15];
    const mirrored = round % 2 === 1;
    // Neither begins nor ends at a word, and has what must not stay.
    const memory = new Uint8Array(new SharedArrayBuffer(width * height * channels + 6)).fill(99);
    const out = memory.subarray(3, -3);
    const image = { width: imageWidth, height: imageHeight, channels, data };
    copyWindow(image, top, left, [height, width], out, mirrored);

    const expected = Array.from(out, (_, i) => {
      const column = Math.floor(i / channels) % width;
      const y = Math.floor(i / channels / width) + top;
      const x = (mirrored ? width - 1 - column : column) + left;
      const isInside = y >= 0 && y < imageHeight && x >= 0 && x < imageWidth;
      return isInside ? data[(y * imageWidth + x) * channels + (i % channels)] : 0;
    });
    assert.deepEqual([...out], expected, `round ${round}`);
    assert.deepEqual([...memory.subarray(0, 3), ...memory.subarray(-3)], Array(6).fill(99));
  }
});

test('a border mirrors the image at its edges, as numpy.pad does in the mode reflect', () => {
  const bordered = (width: number, height: number, border: number) => {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.floor(i / 3));
    const image = reflectBorder({ width, height, channels: 3, data }, border);
    assert.deepEqual([image.width, image.height], [width + 2 * border, height + 2 * border]);
    return [...image.data].filter((_, i) => i % 3 === 1);
  };
  const [even, odd] = [
    [2, 1, 0, 1, 2, 1, 0],
    [5, 4, 3, 4, 5, 4, 3],
  ] as const;
  assert.deepEqual(bordered(3, 2, 2), [even, odd, even, odd, even, odd].flat());
  assert.deepEqual(bordered(1, 1, 1), Array(9).fill(0));
});
