import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNumpyPickle } from '../../datasets/formats/numpyPickle.ts';
import { PickleError } from '../../src/files/pickle.ts';
import { random } from '../../src/random.ts';
import { runPython } from '../datasets/python.ts';

/** A pickle of protocol 2 of its parts. */
function pickle(...parts: (number | string)[]): Buffer {
  const bytes = parts.map((part) =>
    typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'),
  );
  return Buffer.concat([Buffer.of(0x80, 2), ...bytes, Buffer.from('.')]);
}

test('reads plain data', () => {
  // {'a': [1, 300, -2, None, True], 'b': (1.5, b'xy')}
  const bytes = pickle(
    ...['}(', 'U', 1, 'a', '](', 'K', 1, 'M', 44, 1, 'J', 254, 255, 255, 255, 'N', 0x88, 'e'],
    ...['U', 1, 'b', 'G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 'U', 2, 'xy', 0x86, 'u'],
  );
  const expected = new Map<string, unknown>([
    ['a', [1, 300, -2, null, true]],
    ['b', [1.5, Buffer.from('xy')]],
  ]);
  assert.deepEqual(readNumpyPickle(bytes), expected);
});

test('follows no function beside those of numpy arrays', () => {
  assert.throws(
    () => readNumpyPickle(pickle('cos\nsystem\n', 'U', 4, 'true', 0x85, 'R')),
    (error) =>
      error instanceof PickleError &&
      error.offset === 2 &&
      /found the function os\.system; expected only data and numpy arrays/.test(error.message),
  );
  for (const name of ['eval', 'getattr', 'constructor', '__proto__', 'toString']) {
    assert.throws(() => readNumpyPickle(pickle(`c__builtin__\n${name}\n`)), /found the function/);
  }
});

test('names the byte of an instruction that it does not know, and where a file ends', () => {
  assert.throws(
    () => readNumpyPickle(pickle('N', 0xff)),
    (error) => error instanceof PickleError && error.offset === 3 && /0xff/.test(error.message),
  );
  assert.throws(
    () => readNumpyPickle(pickle('T', 255, 255, 255, 127)),
    (error) => error instanceof PickleError && /the file ends/.test(error.message),
  );
});

test('a pickle that is changed at random gives data or a PickleError, never another error', (t) => {
  const program = `
import pickle, sys
import numpy as np
data = {'labels': [1, 2, 3], 'data': np.arange(12, dtype=np.uint8).reshape(3, 4), 'name': 'x' * 300}
for protocol in range(2, 6):
    print(pickle.dumps(data, protocol=protocol).hex())
`;
  const printed = runPython(t, ['numpy'], program, []);
  if (printed === null) return;
  const next = random(1);
  let failed = 0;
  for (const line of printed.trim().split('\n')) {
    const bytes = Buffer.from(line, 'hex');
    const { labels, data } = Object.fromEntries(readNumpyPickle(bytes) as Map<string, unknown>);
    assert.deepEqual(labels, [1, 2, 3]);
    assert.deepEqual((data as { shape: unknown }).shape, [3, 4]);
    for (let round = 0; round < 3000; round++) {
      const mutated = Buffer.from(bytes);
      for (let change = 0; change <= round % 3; change++) {
        mutated[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      }
      const length = round % 5 === 0 ? Math.floor(next() * bytes.length) : bytes.length;
      try {
        readNumpyPickle(mutated.subarray(0, length));
      } catch (error) {
        assert.ok(error instanceof PickleError, `${error}`);
        failed++;
      }
    }
  }
  assert.ok(failed > 1000, `${failed} of 12000 were noticed`);
});
