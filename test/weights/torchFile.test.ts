import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { random } from '../../src/random.ts';
import { readTorchFile } from '../../src/weights/torchFile.ts';
import { pythonOutput, skipWithoutPython } from '../python.ts';
import { callOf, torchBytes } from './torchBytes.ts';

const tensors = [
  { name: 'conv.weight', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
  { name: 'conv.bias', shape: [2], values: [-1, 0.5] },
];
const whole = torchBytes(tensors);

/** What is said of a file that cannot be read. */
function refusal(bytes: Buffer): string {
  try {
    readTorchFile('w.pth', bytes);
  } catch (error) {
    assert.ok(error instanceof UserError, `${error}`);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  assert.fail('it was read');
}

test('a state dict is read: names, shapes, values', () => {
  const read = readTorchFile('w.pth', whole);
  assert.deepEqual(
    [...read].map(([name, { shape, data }]) => ({ name, shape, values: [...data] })),
    tensors,
  );
});

test('a file that holds code is refused with the name of what it would call', () => {
  for (const [module, name] of [
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch', 'load'],
    ['torch._utils', '_rebuild_device_tensor_from_numpy'],
    ['collections', '__proto__'],
  ] as const) {
    const message = refusal(torchBytes(tensors, callOf(module, name, 'touch /tmp/owned')));
    const expected = `found the function ${module}.${name}; expected only tensors (FloatStorage, LongStorage) and plain data.`;
    assert.match(message, /^w\.pth, byte \d+: /);
    assert.ok(message.endsWith(expected), message);
  }
});

test('a file that ends early is said, wherever it ends', () => {
  for (let length = 0; length < whole.length; length++) {
    assert.match(refusal(whole.subarray(0, length)), /^w\.pth, byte \d+: /);
  }
  assert.match(
    refusal(Buffer.concat([whole, Buffer.alloc(3)])),
    /found 3 bytes behind the last value/,
  );
});

test('a zip archive, as newer versions write, and another file are told apart', () => {
  assert.match(refusal(Buffer.from('PK\x03\x04rest')), /is a zip archive, .*_use_new_zipfile_/);
  assert.match(refusal(Buffer.from('<html>')), /byte 0: is no file of PyTorch's/);
});

test('a tensor that reaches behind its values is refused', () => {
  const [first] = tensors;
  assert.match(
    refusal(torchBytes([{ ...first!, shape: [2, 4] }])),
    /found unknown arguments of torch\._utils\._rebuild_tensor_v2/,
  );
});

test('a file that is changed at random gives tensors or one line', () => {
  const next = random(3);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(whole);
    bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    try {
      readTorchFile('w.pth', bytes);
    } catch (error) {
      assert.ok(error instanceof UserError, error as Error);
      refused++;
    }
  }
  assert.ok(refused > 10_000, `${refused}`);
});

test('what PyTorch itself writes is read: views, transposed tensors, parameters, integers', {
  skip: skipWithoutPython('torch'),
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'losslens-test-'));
  after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'made.pth');
  const program = `
import sys, torch
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
state = module.state_dict()
state['turned'] = base.permute(2, 0, 1)
state['part'] = base[1, 1:]
state['parameter'] = torch.nn.Parameter(torch.tensor([1.5]))
state['empty'] = torch.zeros(0, 3)
torch.save(state, sys.argv[1], _use_new_zipfile_serialization=False)
import json
print(json.dumps({k: [list(v.shape), v.flatten().tolist()] for k, v in state.items()}))
`;
  const expected = JSON.parse(pythonOutput('-c', program, path)) as Record<string, unknown>;
  const read = readTorchFile(path, readFileSync(path));
  assert.deepEqual(
    Object.fromEntries(
      [...read].map(([name, { shape, data }]) => [name, [shape, [...data].map(Number)]]),
    ),
    expected,
  );
});
