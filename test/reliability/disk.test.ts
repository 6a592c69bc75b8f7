/**
 * What becomes of a run when its disk is full, read-only, gone, failing or slow. Each call that changes
 * files may fail, too: two of them are drawn; $LOSSLENS_FAULTS asks for more.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { losslens } from '../losslens.ts';
import {
  assertGoesOn,
  assertWhole,
  commandLine,
  contents,
  expected,
  folder,
  stderr as saidSoFar,
  trainOn,
} from './diskRun.ts';
import { type Disk, failure } from './faultyDisk.ts';
import { envOf, losslensOnSmallDisk } from './smallDisk.ts';

/** The lines of an error on stderr. */
const errorLines = (text: string) =>
  text.split('\n').filter((line) => /^losslens: |Error|^ +at /.test(line));

test('a disk with room for one checkpoint: training goes on, and ends with one line and that checkpoint', async (t) => {
  const small = join(folder, 'small');
  mkdirSync(small);
  const kept = join(small, 'kept');
  const { code, stderr, isMounted } = losslensOnSmallDisk(290, small, kept, commandLine);
  t.diagnostic(isMounted ? 'a tmpfs' : 'played');
  assert.equal(code, 1, stderr);
  const cannot = (step: number) =>
    `model\\.ckpt-${step}: cannot be saved \\((it needs [\\d.]+ kB, and [\\d.]+ kB are free|no space left on device)\\)\\. The last good checkpoint is .*/model\\.ckpt-3; `;
  assert.match(
    stderr,
    new RegExp(`${cannot(6)}the run goes on, and tries again when the next one is due`),
  );
  assert.match(stderr, /step 8 of 8/);
  const lines = errorLines(stderr);
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0]!, new RegExp(`^losslens: .*${cannot(8)}once the disk takes one, the same`));
  assert.equal(await assertWhole(kept), 'model.ckpt-3');
  await assertGoesOn(kept);
});

test('a disk without room for a checkpoint is refused before the first step', async () => {
  const room = join(folder, 'narrow');
  mkdirSync(room);
  const disk = { room: { folder: room, bytes: 60_000 } };
  const { code, message, stderr } = await trainOn(disk, join(room, 'run'));
  assert.equal(code, 1);
  assert.match(
    message,
    /^--train_dir: .*run has [\d.]+ kB free; expected [\d.]+ kB \(\d+ bytes\)\. A checkpoint takes so much: free some, name a folder of another disk, or train a smaller network \(--model_name, --train_image_size\)\.$/,
  );
  assert.doesNotMatch(stderr, /step/);
  assert.deepEqual(readdirSync(room), [], 'the folder was made in vain');
});

test('a disk that fills within a checkpoint: the next one is there, and the run ends well', async () => {
  const within = { path: 'model.ckpt-6.data', calls: ['writeFile'], from: 3, count: 1 };
  const disk = { troubles: [{ ...within, code: 'ENOSPC', isHalfway: true }] };
  const { code, stderr, trainDir } = await trainOn(disk);
  assert.equal(code, 0);
  const said = stderr.split('\n').filter((line) => /cannot|could not/.test(line));
  assert.equal(said.length, 1, stderr);
  assert.match(said[0]!, /model\.ckpt-6: cannot be saved \(no space left on device\)\. The last/);
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
  assert.deepEqual(contents(trainDir), expected);
});

test('a disk that fails for the last checkpoint alone: it is tried once more, and the run ends well', async () => {
  const disk = { troubles: [{ calls: ['sync'], path: 'model.ckpt-8', count: 1, code: 'EIO' }] };
  const { code, stderr, trainDir } = await trainOn(disk);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /model\.ckpt-8: cannot be saved \(i\/o error\)\. The last good checkpoint is .*model\.ckpt-6; the run goes on, and tries again when the next one is due, at the latest at its end\./,
  );
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
  assert.deepEqual(contents(trainDir), expected);
});

test('a disk that takes no views and no records: training goes on, says so once, and saves', async () => {
  const path = 'tfevents|selection|monitoring|items.csv';
  const writes = { path, calls: ['write', 'writeFile', 'appendFile'], from: 9 };
  const { code, stderr, trainDir } = await trainOn({ troubles: [{ ...writes, code: 'ENOSPC' }] });
  assert.equal(code, 0);
  for (const what of ['summaries and pictures', 'selections', 'versions of items.csv']) {
    const said = stderr.match(new RegExp(`Training goes on without: (\\d+ )?${what}`, 'g'));
    assert.equal(said?.length, 1, `${what}\n${stderr}`);
  }
  assert.match(stderr, /\ncould not be written: (.+ \(\d+\), )+.+ \(\d+\)\n/);
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
  // What is made of all that is known is made by the next start.
  await assertGoesOn(trainDir, true);
});

test('a folder that takes nothing is named with its flag', async () => {
  const readOnly = { troubles: [{ path: 'run-', code: 'EROFS' }] };
  const { code, message, trainDir } = await trainOn(readOnly);
  assert.equal(code, 1);
  assert.equal(
    message,
    `--train_dir: cannot write to "${trainDir}" (read-only file system); expected a folder of one's own. Name another folder.`,
  );
  const full = { troubles: [{ path: 'losslens\\.lock', code: 'ENOSPC' }] };
  const refused = await trainOn(full);
  assert.equal(refused.code, 1);
  assert.equal(
    refused.message,
    `--train_dir: cannot write to "${refused.trainDir}" (no space left on device); free some space, or name a folder of another disk.`,
  );
  if (process.platform !== 'linux') return;
  const below = await losslens([...commandLine, '--train_dir=/proc/runs/first']);
  assert.equal(below.code, 1);
  assert.deepEqual(errorLines(below.stderr), [
    `losslens: --train_dir: cannot write to "/proc/runs/first" (no such file or folder); expected a folder of one's own. Name another folder.`,
  ]);
});

test('a disk that becomes read-only: three checkpoints are tried, and what was there stays whole', async () => {
  let isReadOnly = false;
  const onCall: Disk['onCall'] = (call) => {
    // As Linux does when a disk fails.
    if (isReadOnly) throw failure('EROFS', call);
    isReadOnly = call.path.includes('model.ckpt-2');
  };
  const { code, message, stderr, trainDir } = await trainOn({ onCall }, undefined, {
    save_interval_steps: 1,
    max_number_of_epochs: 5,
  });
  assert.equal(code, 1);
  assert.match(
    message,
    /model\.ckpt-4: cannot be saved \(read-only file system\)\. The last good checkpoint is .*model\.ckpt-1; once/,
  );
  assert.doesNotMatch(stderr, /step 7 of/);
  // It can neither give its lock free nor delete anything: a process that has ended keeps nobody out.
  const copy = join(folder, 'copy');
  cpSync(trainDir, copy, {
    recursive: true,
    filter: (path) => !/losslens\.lock|\.tmp$/.test(path),
  });
  assert.equal(await assertWhole(copy), 'model.ckpt-1');
  await assertGoesOn(copy);
});

for (const [how, take] of [
  ['deleted', (trainDir: string) => rmSync(trainDir, { recursive: true })],
  ['moved', (trainDir: string) => renameSync(trainDir, `${trainDir}-moved`)],
] as const) {
  test(`a folder that is ${how} while a run writes to it ends the run at its next checkpoint`, async () => {
    const trainDir = join(folder, `run-${how}`);
    let isTaken = false;
    const onCall: Disk['onCall'] = ({ name, path }) => {
      if (isTaken || name !== 'open' || basename(path) !== 'selection.csv.tmp') return;
      isTaken = true;
      take(trainDir);
    };
    await trainOn({}, trainDir, { max_number_of_steps: 3 });
    // No checkpoint is being written when it goes.
    const { code, message, stderr } = await trainOn({ onCall }, trainDir, {
      save_interval_steps: 100,
    });
    assert.equal(code, 1);
    assert.equal(
      message,
      `--train_dir: "${trainDir}" is gone: it was deleted or moved while this process wrote to it. Where it was moved, it can be gone on with under its new name.`,
    );
    assert.match(
      stderr,
      /selection\.csv: cannot be written to \(no such file or folder\)\. Training/,
    );
    assert.ok(!existsSync(trainDir), 'it is not made again');
    if (how === 'deleted') return;
    // Another thread may have been writing it when the folder went; whoever goes on writes over it.
    rmSync(join(`${trainDir}-moved`, 'items.csv.tmp'), { force: true });
    assert.equal(await assertWhole(`${trainDir}-moved`), 'model.ckpt-3');
    // This process lives on.
    for (const of of ['', 'eval']) rmSync(join(`${trainDir}-moved`, of, 'losslens.lock'));
    await assertGoesOn(`${trainDir}-moved`);
  });
}

test('a folder in whose place another one is made ends the run, and nothing of it gets into that one', async () => {
  const trainDir = join(folder, 'run-replaced');
  let isReplaced = false;
  const onCall: Disk['onCall'] = ({ name, path }) => {
    if (isReplaced || name !== 'write' || !path.includes('tfevents')) return;
    // Not while a file is being made.
    if (!existsSync(join(trainDir, 'items.csv')) || !saidSoFar.includes('step 5 of')) return;
    isReplaced = true;
    renameSync(trainDir, `${trainDir}-moved`);
    mkdirSync(trainDir);
  };
  const { code, message } = await trainOn({ onCall }, trainDir);
  assert.equal(code, 1);
  assert.match(message, /^--train_dir: ".*run-replaced" is another folder now: the one that /);
  assert.deepEqual(readdirSync(trainDir), []);
  assert.equal(await assertWhole(`${trainDir}-moved`), 'model.ckpt-3');
});

test('a disk that fails to keep checkpoints: one line names the last, and none is taken for good', async () => {
  const trainDir = join(folder, 'failing');
  const disk = { troubles: [{ calls: ['sync'], path: 'model.ckpt', code: 'EIO' }] };
  const { code, stderr } = await losslens([...commandLine, `--train_dir=${trainDir}`], envOf(disk));
  assert.equal(code, 1, stderr);
  const lines = errorLines(stderr);
  assert.equal(lines.length, 1, stderr);
  assert.match(
    lines[0]!,
    /^losslens: .*\/model\.ckpt-8: cannot be saved \(i\/o error\)\. There is no checkpoint in .*failing yet; /,
  );
  assert.equal(await assertWhole(trainDir), undefined);
  await assertGoesOn(trainDir);
});

test('a disk that fails to keep the log and the records is said, and the run ends well', async () => {
  const disk = { troubles: [{ calls: ['datasync'], code: 'EIO' }] };
  const { code, stderr, trainDir } = await trainOn(disk);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /tfevents.*: is not confirmed by the disk \(i\/o error\): a power cut may take what came since the last checkpoint\. Training goes on\./,
  );
  assert.match(
    stderr,
    /monitoring\.jsonl: cannot be written to \(i\/o error\)\. Training goes on without: \d+ lines of monitoring\.jsonl\./,
  );
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
});

test('a last selection that could not be written is written once more at the end of the run', async () => {
  const disk = {
    troubles: [{ calls: ['open'], path: 'selection.csv', from: 2, count: 1, code: 'ENOSPC' }],
  };
  const { code, stderr, trainDir } = await trainOn(disk);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /selection\.csv: cannot be written to \(no space left on device\)\./);
  assert.doesNotMatch(stderr, /could not be written/);
  assert.deepEqual(contents(trainDir), expected);
});

test('a last selection that the disk does not take is not named as the result', async () => {
  const disk = {
    troubles: [{ calls: ['open'], path: 'selection.csv', from: 2, code: 'ENOSPC' }],
  };
  const { code, stderr, trainDir } = await trainOn(disk);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /\ncould not be written: selections \(1\)\n/);
  const selection = join(trainDir, 'selection.csv');
  assert.ok(
    stderr.includes(
      `\nselected items: ${selection} (it may be of an earlier epoch); every item: ${join(trainDir, 'items.csv')}\n`,
    ),
    stderr,
  );
});

test('a slow disk holds nothing up but the next checkpoint', { timeout: 120_000 }, async () => {
  const order: string[] = [];
  /** Resolves when a line is on stderr: were the loop to wait for the disk, it would never be there. */
  const said = async (line: RegExp) => {
    while (!line.test(saidSoFar)) await new Promise((go) => setTimeout(go, 1));
  };
  let isLogHeld = true;
  const onCall: Disk['onCall'] = async ({ name, path }) => {
    if (
      name === 'write' &&
      path.includes('tfevents') &&
      saidSoFar.includes('step 1 of') &&
      isLogHeld
    ) {
      isLogHeld = false;
      await said(/step 2 of/);
      order.push('log');
    }
    if (name === 'sync' && path.includes('model.ckpt-3.data')) {
      await said(/step 5 of/);
      order.push('step 5');
    }
    const [, step] = /model\.ckpt-(\d+)\.index\.tmp$/.exec(path) ?? [];
    if (name === 'rename' && step !== undefined) order.push(`checkpoint ${step}`);
  };
  const { code, message, trainDir } = await trainOn({ onCall });
  assert.equal(code, 0, message);
  assert.deepEqual(order, ['log', 'step 5', 'checkpoint 3', 'checkpoint 6', 'checkpoint 8']);
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
  assert.deepEqual(contents(trainDir), expected);
});

const faults = Number(process.env['LOSSLENS_FAULTS'] ?? 2);
const codes = ['ENOSPC', 'EIO', 'EROFS', 'EACCES'];

test(`each call may fail: ${faults} of them`, async (t) => {
  const calls: string[] = [];
  const onCall: Disk['onCall'] = ({ name, path }) => {
    calls.push(`${name} ${basename(path)}`);
  };
  assert.equal((await trainOn({ onCall })).code, 0);
  for (let fault = 0; fault < faults; fault++) {
    const from = 1 + Math.floor(((fault + 0.5) / faults) * calls.length);
    const code = codes[fault % codes.length]!;
    const trouble = { from, count: 1, code, isHalfway: fault % 2 === 1 };
    const { trainDir, ...ended } = await trainOn({ troubles: [trouble] });
    t.diagnostic(`${from} of ${calls.length}, ${calls[from - 1]}, ${code}: ${ended.code}`);
    // Where it is not known yet what is at stake, a run ends.
    if (ended.code !== 0) assert.match(ended.message, /^--\w+: |^\/.*: cannot /);
    if (existsSync(trainDir)) await assertWhole(trainDir);
    await assertGoesOn(trainDir, ended.stderr.includes('could not be written'));
  }
});
