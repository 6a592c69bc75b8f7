import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { mock, test } from 'node:test';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder } from '../losslens.ts';

/** A folder with the record of a run that had these flags. */
async function runWith(flags: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = temporaryFolder();
  await writeRunRecord(folder, {
    step: 0,
    flags,
    engine: { name: '', reason: '' },
    precision: { computeType: 'float32', reason: '' },
    dataset: { name: 'folder', split: 'train', items: 3, classes: ['cat', 'dog'] },
  });
  return folder;
}

test('corrected labels hold for the data of the run, however its path is written', async () => {
  const folder = temporaryFolder();
  const photos = join(folder, 'photos');
  mkdirSync(photos);
  symlinkSync(photos, join(folder, 'link'));
  const labels = join(folder, 'labels.csv');
  writeFileSync(labels, '');
  const run = await runWith({ dataset_dir: photos, labels_file: labels, label_noise: 0.1 });
  const relativePath = relative(process.cwd(), photos);
  for (const dataset_dir of [photos, `${photos}/`, relativePath, join(folder, 'link')]) {
    const flags = await resolveRunFlags(run, { dataset_dir });
    assert.deepEqual([flags.labels_file, flags.label_noise], [labels, 0.1], dataset_dir);
  }
  const other = await resolveRunFlags(run, { dataset_dir: folder });
  assert.deepEqual([other.labels_file, other.label_noise], [undefined, 0]);
});

test('where neither a record nor the command line names network and data, the defaults are said', async () => {
  const folder = temporaryFolder();
  const said = async (given: object) => {
    const write = mock.method(process.stderr, 'write', () => true);
    await resolveRunFlags(folder, given);
    write.mock.restore();
    return write.mock.calls.map(({ arguments: [text] }) => text).join('');
  };
  assert.equal(await said({}), '', 'there is no checkpoint of which it could be said');
  writeFileSync(join(folder, 'model.ckpt-1.index'), '');
  const line = `no run.json in ${folder} says what was trained; by default: `;
  assert.equal(await said({}), `${line}--model_name=lenet --dataset_name=digits\n`);
  assert.equal(await said({ model_name: 'lenet' }), `${line}--dataset_name=digits\n`);
  assert.equal(await said({ model_name: 'lenet', dataset_name: 'shapes' }), '');
});

test('another data set is not looked for in the folder of the run', async () => {
  const run = await runWith({ dataset_name: 'folder', dataset_dir: temporaryFolder() });
  assert.equal((await resolveRunFlags(run, { dataset_name: 'digits' })).dataset_dir, undefined);
  assert.ok((await resolveRunFlags(run, { dataset_name: 'folder' })).dataset_dir);
});

test('data that were moved away are named with the flag that says where they are now', async () => {
  const folder = temporaryFolder();
  const [photos, moved] = [join(folder, 'photos'), join(folder, 'moved')];
  mkdirSync(photos);
  const run = await runWith({ dataset_dir: photos });
  renameSync(photos, moved);
  await assert.rejects(resolveRunFlags(run, {}), {
    name: 'UserError',
    message: `--dataset_dir: ${photos}, which ${join(run, 'run.json')} names, is not there any more; say with --dataset_dir=PATH where it is now.`,
  });
  assert.equal((await resolveRunFlags(run, { dataset_dir: moved })).dataset_dir, moved);
  // Who classifies files needs no data of the run.
  await resolveRunFlags(run, {}, false);
});

test('where a labels file is gone, what it changed is pointed to', async () => {
  const run = await runWith({ labels_file: join(temporaryFolder(), 'labels.csv') });
  const changes = join(run, 'label_changes.csv');
  await assert.rejects(resolveRunFlags(run, {}), /where it is now\.$/);
  writeFileSync(changes, 'item,label\n');
  await assert.rejects(resolveRunFlags(run, {}), {
    name: 'UserError',
    message:
      /\/labels\.csv, which .* What it changed is in .*label_changes\.csv, which --labels_file takes, too\.$/,
  });
  assert.equal((await resolveRunFlags(run, { labels_file: changes })).labels_file, changes);
});

test('a module that run.json names is run only when the command line names it', async () => {
  const module = join(temporaryFolder(), 'net.mjs');
  writeFileSync(module, 'throw new Error("run");');
  const run = await runWith({ model_name: module });
  for (const readsData of [true, false]) {
    await assert.rejects(resolveRunFlags(run, {}, readsData), {
      name: 'UsageError',
      message: `--model_name: missing; the run in ${run} was trained with a network of its own, ${module}. Give --model_name=${module} to run its code.`,
    });
  }
  const builtIn = await runWith({ model_name: 'cifarnet' });
  assert.equal((await resolveRunFlags(builtIn, {})).model_name, 'cifarnet');
});

test('a module that is not that of the run is said to be another', async () => {
  const module = join(temporaryFolder(), 'net.mjs');
  writeFileSync(module, 'export const build = 1;');
  const run = await runWith({ model_name: module });
  const written = mock.method(process.stderr, 'write', () => true);
  await resolveRunFlags(run, { model_name: module });
  assert.equal(written.mock.callCount(), 0);
  writeFileSync(module, 'export const build = 2;');
  const flags = await resolveRunFlags(run, { model_name: module });
  written.mock.restore();
  assert.equal(flags.model_name, module);
  assert.equal(written.mock.callCount(), 1);
  assert.match(
    String(written.mock.calls[0]!.arguments[0]),
    /net\.mjs is not the module that the run in .* was trained with: SHA-256 [0-9a-f]{12}…, then [0-9a-f]{12}…\n$/,
  );
});
