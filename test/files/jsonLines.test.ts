import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { appendJsonLines, dropLinesAfter } from '../../src/files/jsonLines.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();

test('records are a line each, and those of steps that are done again are dropped', async () => {
  const path = join(folder, 'records.jsonl');
  await appendJsonLines(path, [{ step: 1 }, { step: 2 }]);
  await appendJsonLines(path, []);
  await appendJsonLines(path, [{ step: 3, text: 'ü\n' }]);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n{"step":3,"text":"ü\\n"}\n');
  await dropLinesAfter(path, 2);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n');
});

test('a line that a crash tore goes, too', async () => {
  const path = join(folder, 'torn.jsonl');
  writeFileSync(path, '{"step":1}\n{"step":2,"lab');
  await dropLinesAfter(path, 5);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n');
});

test('a file that is not there stays so', async () => {
  const path = join(folder, 'none.jsonl');
  await dropLinesAfter(path, 0);
  assert.equal(existsSync(path), false);
});
