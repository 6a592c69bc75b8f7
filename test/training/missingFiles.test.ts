import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { planRun } from '../../src/training/planRun.ts';
import { runTraining } from '../../src/training/run.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);
const flags = {
  ...{ dataset_name: 'mnist', dataset_dir: data, projector_items: 0 },
  ...{ max_number_of_epochs: 2, hm: ['pool1'] },
};
const run = someRun(flags);
assert.equal(await runTraining(run), 0);

/** What the run says of missing files when it goes on without some. */
async function saidWithout(isTaken: (name: string) => boolean): Promise<string | undefined> {
  const train_dir = join(temporaryFolder(), 'run');
  cpSync(run.train_dir, train_dir, { recursive: true });
  for (const name of readdirSync(train_dir).filter(isTaken)) rmSync(join(train_dir, name));
  const { start } = await planRun({ ...run, train_dir });
  return start.messages.find((line) => line.startsWith('missing in '))?.replace(train_dir, 'DIR');
}

test('a run that goes on says which of its files are missing, and what they held', async () => {
  assert.equal(await saidWithout(() => false), undefined);
  for (const [name, said] of [
    ['run.json', 'run.json (flags are not compared with those before)'],
    ['selections.jsonl', 'selections.jsonl (selections up to step 8)'],
    ['monitoring.jsonl', 'monitoring.jsonl (encounters up to step 8)'],
    ['events.out', 'event files (TensorBoard shows what comes from here on)'],
  ] as const) {
    assert.equal(
      await saidWithout((file) => file.startsWith(name)),
      `missing in DIR, and not made again: ${said}`,
    );
  }
  const line = await saidWithout((file) => /json|events/.test(file));
  assert.equal(line?.split('), ').length, 4);
});

test('of a file that is shorter than when the checkpoint was saved it is said by how much', async () => {
  const train_dir = join(temporaryFolder(), 'run');
  cpSync(run.train_dir, train_dir, { recursive: true });
  const path = join(train_dir, 'monitoring.jsonl');
  const { size } = statSync(path);
  truncateSync(path, 100);
  const { start } = await planRun({ ...run, train_dir });
  const said = `missing in ${train_dir}, and not made again: ${size - 100} of ${size} bytes of monitoring.jsonl (encounters up to step 8)`;
  assert.ok(start.messages.includes(said), start.messages.join('\n'));
});

test('a file that is empty is missing, and one that a run does not write is not', async () => {
  const other = someRun({ ...flags, hs: '', hm: [] });
  assert.equal(await runTraining(other), 0);
  const { start } = await planRun(other);
  assert.ok(!start.messages.some((line) => line.startsWith('missing')), start.messages.join());
  writeFileSync(join(run.train_dir, 'selections.jsonl'), '');
  assert.match(String(await saidWithout(() => false)), /selections\.jsonl \(/);
});
