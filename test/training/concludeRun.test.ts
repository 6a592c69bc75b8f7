import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { Cleanup } from '../../src/cleanup.ts';
import { UserError } from '../../src/errors.ts';
import { readEvents } from '../../src/events/readEvents.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { newHolder } from '../../src/files/lockHolder.ts';
import { readRunRecord } from '../../src/runFiles/runRecord.ts';
import { concludeRun } from '../../src/training/concludeRun.ts';
import { openRun } from '../../src/training/openRun.ts';
import { planRun } from '../../src/training/planRun.ts';
import { recordPlan } from '../../src/training/recordPlan.ts';
import { runTraining } from '../../src/training/run.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { train } from '../../src/training/trainer.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

const options = (more: Partial<RunOptions> = {}) =>
  someRun({ dataset_name: 'mnist', dataset_dir: data, projector_items: 4, ...more });

/** Does what a run does up to some point, as if it were killed there. */
async function runUpTo(point: 'recorded' | 'trained', given: RunOptions): Promise<void> {
  await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(given.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const run = await openRun(await planRun(given), lock, cleanup);
    await recordPlan(run);
    if (point === 'trained') await train(run);
  });
}

const recordFiles = ['items.csv', 'selection.csv', 'selections.jsonl', 'monitoring.jsonl'];

function contents(folder: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** Steps by tag, over all event files of a folder. */
function loggedSteps(folder: string): Record<string, number[]> {
  const steps: Record<string, number[]> = {};
  for (const { step, values } of readEvents(folder)) {
    for (const { tag } of values) {
      if (tag === 'global_step/sec') continue;
      steps[tag] ??= [];
      steps[tag].push(step);
    }
  }
  return steps;
}

const withNoise = { label_noise: 0.2, eval_interval_epochs: 1 };
/** A run of three epochs that nothing disturbed. */
const undisturbed = options(withNoise);
assert.equal(await runTraining(undisturbed), 0);

for (const [where, maxSteps] of [
  ['at the end of an epoch', 12],
  ['within an epoch', 10],
] as const) {
  test(`a run that was killed after its last checkpoint, ${where}, is concluded by the next start`, async () => {
    const more = { ...withNoise, max_number_of_steps: maxSteps };
    const whole = maxSteps === 12 ? undisturbed : options(more);
    if (whole !== undisturbed) assert.equal(await runTraining(whole), 0);
    const killed = options(more);
    await runUpTo('trained', killed);
    const lacking = readdirSync(killed.train_dir);
    assert.ok(!lacking.includes('detection.csv'), lacking.join());
    assert.equal(await runTraining(killed), 0);

    const files = [...recordFiles, 'detection.csv'];
    assert.deepEqual(contents(killed.train_dir, files), contents(whole.train_dir, files));
    for (const folder of ['', 'eval', `projector-${maxSteps}`]) {
      assert.deepEqual(
        loggedSteps(join(killed.train_dir, folder)),
        loggedSteps(join(whole.train_dir, folder)),
      );
    }
    // Now there is nothing left to do.
    const events = () => readdirSync(killed.train_dir).filter((name) => name.includes('tfevents'));
    const before = events();
    assert.equal(await runTraining(killed), 0);
    assert.deepEqual(events(), before);
  });
}

test('what was recorded after the checkpoint that a run goes on from is taken back', async () => {
  const given = options();
  assert.equal(await runTraining({ ...given, max_number_of_epochs: 2 }), 0);
  const before = temporaryFolder();
  cpSync(given.train_dir, before, { recursive: true });
  assert.equal(await runTraining({ ...given, max_number_of_epochs: 3 }), 0);
  const atEnd = contents(given.train_dir, recordFiles);
  for (const name of recordFiles) {
    assert.notEqual(atEnd[name], contents(before, recordFiles)[name], name);
  }
  // As if the process had been killed before its last checkpoint was there.
  writeFileSync(join(given.train_dir, 'checkpoint'), 'model_checkpoint_path: "model.ckpt-8"\n');
  await runUpTo('recorded', { ...given, max_number_of_epochs: 3 });
  assert.deepEqual(contents(given.train_dir, recordFiles), contents(before, recordFiles));
  assert.equal(await runTraining({ ...given, max_number_of_epochs: 3 }), 0);
  assert.deepEqual(contents(given.train_dir, recordFiles), atEnd);
});

test('what a full disk left out of the end of a run is not named there, and written by the next start', async (t) => {
  const given = options(withNoise);
  const taken = ['items.csv.tmp', 'detection.csv.tmp', 'projector-12'];
  for (const name of taken.slice(0, 2)) mkdirSync(join(given.train_dir, name));
  writeFileSync(join(given.train_dir, taken[2]!), '');
  const { mock: written } = t.mock.method(process.stderr, 'write', () => true);
  const toldOf = (name: string) =>
    written.calls.filter(({ arguments: [text] }) =>
      `${text}`.includes(`: ${join(given.train_dir, name)}`),
    );
  assert.equal(await runTraining(given), 0);
  assert.equal(toldOf('selection.csv').length, 1);
  assert.deepEqual([...toldOf('items.csv'), ...toldOf('detection.csv')], []);
  const before = readdirSync(given.train_dir);
  assert.ok(!before.includes('items.csv') && !before.includes('detection.csv'), before.join());
  for (const name of taken) rmSync(join(given.train_dir, name), { recursive: true });
  assert.equal(await runTraining(given), 0);
  assert.deepEqual([toldOf('items.csv').length, toldOf('detection.csv').length], [1, 1]);
  const files = [...recordFiles, 'detection.csv'];
  assert.deepEqual(contents(given.train_dir, files), contents(undisturbed.train_dir, files));
  assert.deepEqual(
    readdirSync(join(given.train_dir, 'projector-12')).length,
    readdirSync(join(undisturbed.train_dir, 'projector-12')).length,
  );
});

test('run.json is written anew at the end where it was deleted meanwhile', async () => {
  const given = options({ max_number_of_steps: 4 });
  await Cleanup.after(async (cleanup) => {
    const run = await openRun(await planRun(given), { assertHeld: async () => {} }, cleanup);
    await recordPlan(run);
    const before = await readRunRecord(given.train_dir);
    rmSync(join(given.train_dir, 'run.json'));
    assert.equal(await concludeRun(run, await train(run)), 0);
    const after = await readRunRecord(given.train_dir);
    assert.deepEqual(after?.flags, before?.flags);
    assert.deepEqual(after?.dataset, before?.dataset);
    assert.equal(run.lost.count, 0);
  });
});

test('selections and encounters that are deleted while a run goes on are told of, and go on anew', async () => {
  const given = options({ max_number_of_epochs: 4 });
  const files = ['selections.jsonl', 'monitoring.jsonl'];
  await Cleanup.after(async (cleanup) => {
    const run = await openRun(await planRun(given), { assertHeld: async () => {} }, cleanup);
    await recordPlan(run);
    const message = mock.method(run.progress, 'message');
    let epoch = 0;
    const writeItems = async () => {
      epoch++;
      if (epoch === 2) for (const name of files) rmSync(join(given.train_dir, name));
      await run.writeItems();
    };
    assert.equal(await concludeRun(run, await train({ ...run, writeItems })), 0);
    const lines = message.mock.calls.map(({ arguments: [line] }) => line);
    for (const name of files) {
      const told = lines.filter((line) => line.includes(`${name}: was deleted, with all`));
      assert.equal(told.length, 1, lines.join('\n'));
      const records = readFileSync(join(given.train_dir, name), 'utf8').trim().split('\n');
      assert.ok(records.every((record) => JSON.parse(record).epoch > 2));
    }
    assert.equal(run.lost.count, 0);
  });
});

test('an image that cannot be read for a view costs this view, not what was trained', async () => {
  const given = options({ max_number_of_epochs: 2, projector_items: 0 });
  await Cleanup.after(async (cleanup) => {
    const plan = await planRun(given);
    const { dataset } = plan.data;
    assert.ok(dataset.kind === 'images');
    const image = async () => {
      throw new UserError('photo.jpg: cannot be read (i/o error).');
    };
    const data = { ...plan.data, dataset: { ...dataset, image } };
    const run = await openRun({ ...plan, data }, { assertHeld: async () => {} }, cleanup);
    await recordPlan(run);
    const message = mock.method(run.progress, 'message');
    assert.equal(await concludeRun(run, await train(run)), 0);
    const lines = message.mock.calls.map(({ arguments: [line] }) => line);
    for (const views of ['Monitoring', 'Selection']) {
      const told = `photo.jpg: cannot be read (i/o error). Training goes on without: ${views} Views.`;
      assert.equal(lines.filter((line) => line === told).length, 1, lines.join('\n'));
    }
    assert.match(run.lost.summary!, /could not be written: .*Selection Views \(2\)/);
  });
  const tags = Object.keys(loggedSteps(given.train_dir));
  assert.deepEqual(
    tags.filter((tag) => / View/.test(tag)),
    ['1 Selection View/scatter', ...tags.filter((tag) => tag.startsWith('3 '))],
  );
  const records = readFileSync(join(given.train_dir, 'selections.jsonl'), 'utf8');
  assert.equal(records.trim().split('\n').length, 2 * given.ns);
});

test('a run that begins to be interrupted evaluates no more', async () => {
  const given = options({ eval_interval_epochs: 1 });
  await Cleanup.after(async (cleanup) => {
    const interrupt = new AbortController();
    const lock = { assertHeld: async () => {} };
    const run = await openRun(await planRun(given), lock, cleanup, interrupt.signal);
    assert.equal((await run.evaluate(1))?.items, 20);
    interrupt.abort('SIGTERM');
    assert.equal(await run.evaluate(2), undefined);
  });
});

test('a run whose folder another process took over saves nothing there any more', async () => {
  const given = options({ max_number_of_steps: 4 });
  await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(given.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const run = await openRun(await planRun(given), lock, cleanup);
    await recordPlan(run);
    writeFileSync(join(given.train_dir, 'losslens.lock'), JSON.stringify(newHolder()));
    await assert.rejects(train(run), /--train_dir: ".*" was taken over by process \d+ on /);
  });
  const left = readdirSync(given.train_dir);
  assert.ok(left.includes('losslens.lock'));
  assert.deepEqual(
    left.filter((name) => name.startsWith('model.ckpt')),
    [],
  );
});

test('items.csv is written where an epoch ends, not at each checkpoint', async () => {
  const given = options({ max_number_of_steps: 8, save_interval_steps: 1 });
  await Cleanup.after(async (cleanup) => {
    const run = await openRun(await planRun(given), { assertHeld: async () => {} }, cleanup);
    await run.save(1);
    await run.saved();
    const files = readdirSync(given.train_dir);
    assert.ok(files.includes('model.ckpt-1.index') && !files.includes('items.csv'), files.join());
    await run.writeItems();
    await run.saved();
    assert.ok(readdirSync(given.train_dir).includes('items.csv'));
  });
});

test('three checkpoints in a row that could not be saved behind the training end it', async () => {
  const given = options({ save_interval_steps: 1 });
  await Cleanup.after(async (cleanup) => {
    const run = await openRun(await planRun(given), { assertHeld: async () => {} }, cleanup);
    for (const step of [2, 4, 5, 6]) {
      mkdirSync(join(given.train_dir, `model.ckpt-${step}.index.tmp`));
    }
    await assert.rejects(
      train(run),
      /model\.ckpt-6: cannot be saved \(.*model\.ckpt-6\.index\.tmp is a folder\)\. The last good checkpoint is .*model\.ckpt-3; /,
    );
    assert.ok(run.signal.aborted);
  });
});
