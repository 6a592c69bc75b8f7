import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { getPreprocessing } from '../../src/preprocessing/factory.ts';
import { random } from '../../src/random.ts';

/** Two images: samples all over the range, and of nearly one colour. */
function samples(count: number): number[] {
  const next = random(5);
  return Array.from({ length: 2 * count }, (_, i) =>
    i < count ? Math.floor(256 * next()) : 200 + (i % 3),
  );
}

for (const [name, side, channels] of [
  ['lenet', 28, 1],
  ['cifarnet', 32, 3],
  ['cifarnet', 32, 1],
  // Its evaluation enlarges smaller images; at this size it does not.
  ['vgg', 256, 3],
  ['vgg', 256, 1],
] as const) {
  test(`${name} in the graph does what it does to images of ${channels} channels`, async () => {
    const { evaluate, normalize } = getPreprocessing(name);
    const shape = [side, side, channels] as const;
    const size = side * side * channels;
    const data = samples(size);
    const graph = new Graph();
    const images = placeholder(graph, 'float32', [-1, ...shape], 'images');
    const session = await (await createWasmEngine()).load(graph, {
      normalize: { inputs: { images }, outputs: { normalized: normalize(images) } },
    });
    const feed = { data: Float32Array.from(data), shape: [2, ...shape] };
    const { normalized } = await session.run('normalize', { images: feed });
    await session.close();
    for (const row of [0, 1]) {
      const image = Uint8Array.from(data.slice(row * size, (row + 1) * size));
      const expected = new Float32Array(size);
      evaluate({ width: side, height: side, channels, data: image }, shape, expected, () => 0);
      expected.forEach((value, i) => {
        const error = Math.abs(normalized!.data[row * size + i]! - value);
        assert.ok(
          error < 1e-4 * Math.max(1, Math.abs(value)),
          `image ${row}, sample ${i}: ${error}`,
        );
      });
    }
  });
}
