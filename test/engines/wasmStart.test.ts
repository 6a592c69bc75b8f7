import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';

test('a backend that finds no memory is said in one line, with the reason', async (t) => {
  const said = t.mock.method(process.stderr, 'write', () => true);
  const { WebAssembly: system } = globalThis as unknown as {
    WebAssembly: { instantiate(): Promise<unknown> };
  };
  const failing = t.mock.method(system, 'instantiate', async () => {
    throw new RangeError('WebAssembly.instantiate(): Out of memory');
  });
  await assert.rejects(
    createWasmEngine(),
    /^NoEngineError: engine wasm: the WebAssembly backend does not start on this machine \(WebAssembly\.instantiate\(\): Out of memory\)\. Allow about 20 GB of addresses, .*: ulimit -v bounds them\.$/,
  );
  assert.ok(failing.mock.callCount() > 0);
  assert.equal(said.mock.callCount(), 0);
});
