import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder } from '../losslens.ts';

test('a record of a run that is damaged or lacks a part is named, with what mends it', async () => {
  const folder = temporaryFolder();
  assert.equal(await readRunRecord(folder), undefined);
  for (const [content, what] of [
    ['{', /is no record of a run \(.*JSON.*\)\. Delete it to do without\.$/],
    ['null', /is no record of a run \(it has no "flags"\)/],
    ['{"flags": {}, "precision": null}', /is no record of a run \(it has no "precision"\)/],
    ['{"flags": {}, "precision": {}}', /is no record of a run \(it has no "dataset"\)/],
  ] as const) {
    writeFileSync(join(folder, 'run.json'), content);
    await assert.rejects(readRunRecord(folder), what);
    await assert.rejects(readRunRecord(folder), { name: 'UserError' });
  }
});
