import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { UserError } from '../../src/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { add } from '../../src/graph/ops/math.ts';

test('what does not fit into the memory of WebAssembly ends with its layer and what can be done, and leaves the rest as it was', async () => {
  const graph = new Graph();
  const column = placeholder(graph, 'float32', [-1, 1], 'column');
  const row = placeholder(graph, 'float32', [1, -1], 'row');
  const sums = graph.withScope('layer', () => add(column, row, { name: 'sums' }));
  const session = await (await createWasmEngine()).load(graph, {
    step: { inputs: { column, row }, outputs: { sums } },
  });
  // Its square, in bytes, is less than 4 GiB by less than what the kernels themselves take.
  const side = 32_767;
  const data = new Float32Array(side);
  await assert.rejects(
    session.run('step', { column: { data, shape: [side, 1] }, row: { data, shape: [1, side] } }),
    (error) =>
      error instanceof UserError &&
      /^engine wasm: stopped at layer\/sums \(Add\w*\): 4096 MiB more .*4 GiB.*--batch_size.*--engine=tensorflow\.$/.test(
        error.message,
      ),
  );
  const { sums: small } = await session.run('step', {
    column: { data: Float32Array.of(1, 2), shape: [2, 1] },
    row: { data: Float32Array.of(10), shape: [1, 1] },
  });
  assert.deepEqual(small!.data, Float32Array.of(11, 12));
});
