import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type NewRecord, readRunRecord, writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder } from '../losslens.ts';

test('a record of a run that is damaged or lacks a part is named, with what mends it', async () => {
  const folder = temporaryFolder();
  assert.equal(await readRunRecord(folder), undefined);
  for (const [content, what] of [
    ['{', /is no record of a run \(.*JSON.*\)\. Delete it to do without\.$/],
    ['null', /is no record of a run \(it has no "flags"\)/],
    ['{"flags": {}, "precision": null}', /is no record of a run \(it has no "precision"\)/],
    ['{"flags": {}, "precision": {}}', /is no record of a run \(it has no "dataset"\)/],
    [
      '{"flags": {}, "precision": {}, "dataset": {"classes": [], "vocabularySha256": 7}}',
      /\(its "dataset\.vocabularySha256" is no text\)/,
    ],
    ['{"flags": {}, "precision": {}, "dataset": {}}', /\(it has no "dataset\.classes"\)/],
  ] as const) {
    writeFileSync(join(folder, 'run.json'), content);
    await assert.rejects(readRunRecord(folder), what);
    await assert.rejects(readRunRecord(folder), { name: 'UserError' });
  }
});

/** A record of a start after some steps with some flags. */
function start(step: number, flags: NewRecord['flags']): NewRecord {
  return {
    step,
    flags,
    engine: { name: `engine ${step}`, reason: '' },
    precision: { computeType: 'float32', reason: '' },
    dataset: { name: 'folder', split: 'train', items: 3, classes: ['cat', 'dog'] },
  };
}

test('each start of a run is kept with its step and the flags that changed, as they were and are', async () => {
  const folder = temporaryFolder();
  await writeRunRecord(folder, start(0, { seed: 1, learning_rate: 0.1, hm: ['pool1'] }));
  await writeRunRecord(folder, start(40, { seed: 1, learning_rate: 0.01, hm: ['pool1'], ns: 8 }));
  await writeRunRecord(folder, start(70, { seed: 1, learning_rate: 0.01, ns: 8 }));
  const { flags, engine, starts } = (await readRunRecord(folder))!;
  // The record itself is the latest start's.
  assert.deepEqual(flags, { seed: 1, learning_rate: 0.01, ns: 8 });
  assert.equal(engine.name, 'engine 70');
  assert.deepEqual(
    starts!.map((each) => [each.step, each.before, each.flags, each.engine.name]),
    [
      [0, undefined, { seed: 1, learning_rate: 0.1, hm: ['pool1'] }, 'engine 0'],
      [40, { learning_rate: 0.1, ns: null }, { learning_rate: 0.01, ns: 8 }, 'engine 40'],
      [70, { hm: ['pool1'] }, { hm: null }, 'engine 70'],
    ],
  );
  for (const { started, versions } of starts!) {
    assert.ok(Math.abs(Date.parse(started) - Date.now()) < 60_000);
    assert.equal(versions['node'], process.versions.node);
  }
});

test('a record of an older version, which has no list of starts, is the first of them', async () => {
  const folder = temporaryFolder();
  const { step: _, ...old } = start(0, { seed: 1, ns: 4 });
  const content = { started: '2024-01-02T03:04:05.000Z', ...old, versions: {}, machine: {} };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(content));
  await writeRunRecord(folder, start(9, { seed: 1, ns: 5 }));
  const { starts } = (await readRunRecord(folder))!;
  assert.deepEqual(
    starts!.map(({ step, flags }) => [step, flags]),
    [
      [null, { seed: 1, ns: 4 }],
      [9, { ns: 5 }],
    ],
  );
  assert.equal(starts![0]!.started, '2024-01-02T03:04:05.000Z');
});

test('paths are recorded so that they hold in every folder', async () => {
  const folder = temporaryFolder();
  const paths = { dataset_dir: 'photos', labels_file: '../labels.csv', checkpoint_path: 'a/b' };
  await writeRunRecord(folder, start(0, { ...paths, dataset_name: 'folder', model_name: 'lenet' }));
  const { flags } = (await readRunRecord(folder))!;
  assert.deepEqual(flags, {
    dataset_dir: join(process.cwd(), 'photos'),
    labels_file: join(process.cwd(), '../labels.csv'),
    checkpoint_path: join(process.cwd(), 'a/b'),
    dataset_name: 'folder',
    model_name: 'lenet',
  });
});

test('the module of a network of one’s own is recorded by its SHA-256', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'net.mjs');
  writeFileSync(path, 'export const build = 1;');
  await writeRunRecord(folder, start(0, { model_name: path }));
  const expected = createHash('sha256').update(readFileSync(path)).digest('hex');
  assert.equal((await readRunRecord(folder))!.moduleSha256, expected);
  await writeRunRecord(folder, start(5, { model_name: 'lenet' }));
  assert.equal((await readRunRecord(folder))!.moduleSha256, undefined);
});
