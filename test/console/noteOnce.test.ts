import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteOnce } from '../../src/console/noteOnce.ts';

test('a note is written once, however often it is said', (t) => {
  const { mock } = t.mock.method(process.stderr, 'write', () => true);
  for (const line of ['photos: one', 'photos: two', 'photos: one']) noteOnce(line);
  const written = mock.calls.map(({ arguments: [text] }) => text);
  mock.restore();
  assert.deepEqual(written, ['photos: one\n', 'photos: two\n']);
});
