import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { eventFiles, readEvents } from '../../src/events/readEvents.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import {
  briefly,
  losslens,
  smallNetwork,
  startLosslens,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const data = temporaryFolder();
writeSmallMnist(data, 20, 10);
const stepsPerEpoch = 2;
/** So many that a run which is interrupted in the third does not end before it hears of it. */
const epochs = 12;

function trainArguments(trainDir: string, ...more: readonly string[]): string[] {
  return [
    ...[
      'train',
      '--engine=wasm',
      `--train_dir=${trainDir}`,
      `--model_name=${smallNetwork}`,
      '--seed=1',
    ],
    ...['--dataset_name=mnist', `--dataset_dir=${data}`, '--batch_size=10', '--optimizer=sgd'],
    ...[`--max_number_of_epochs=${epochs}`, '--log_every_n_steps=1', '--ns=4', '--hm=pool1'],
    ...briefly,
    ...more,
  ];
}

/** Fails where an event file of a run ends within a record or holds a damaged one. */
function assertWhole(trainDir: string): void {
  for (const path of eventFiles(trainDir)) assert.ok([...readRecords(path)].length >= 2, path);
}

/** Steps that have a total loss, the last file having the last word. */
function loggedSteps(trainDir: string): number[] {
  const steps = new Set<number>();
  for (const { step, values } of readEvents(trainDir)) {
    if (values.some(({ tag }) => tag === 'total_loss')) steps.add(step);
  }
  return [...steps].sort((a, b) => a - b);
}

async function assertResumes(
  trainDir: string,
  expectedEpochs = epochs,
  ...more: readonly string[]
): Promise<void> {
  const { code, stderr } = await losslens(trainArguments(trainDir, ...more));
  assert.equal(code, 0, stderr);
  assertWhole(trainDir);
  assert.deepEqual(
    loggedSteps(trainDir),
    Array.from({ length: stepsPerEpoch * expectedEpochs }, (_, i) => i + 1),
  );
  assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
  assert.deepEqual(
    readdirSync(trainDir).filter((name) => name.endsWith('.tmp')),
    [],
  );
}

const noLimits = process.platform === 'win32' && 'the shell cannot limit the size of files';

/** Trains in a shell after a command of it. */
function trainAfter(command: string, trainDir: string): { status: number | null; stderr: string } {
  const program = join(packageRoot, 'dist/bin/losslens.cjs');
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', `${command}; exec "$0" "$@"`, process.execPath, program, ...trainArguments(trainDir)],
    { encoding: 'utf8' },
  );
  return { status, stderr };
}

/** Trains where no file may be larger than some KiB: as on a full disk, a write fails midway. */
function trainWithin(kibibytes: number, trainDir: string) {
  // The signal would end the process before it could say anything.
  return trainAfter(`trap '' XFSZ; ulimit -f ${kibibytes}`, trainDir);
}

/** Fails unless a run ended with exit code 1 and one line of an error. */
function assertOneLine(
  { status, stderr }: { status: number | null; stderr: string },
  line: RegExp,
) {
  assert.equal(status, 1, stderr);
  const errors = stderr.split('\n').filter((text) => /losslens: |Error|^ +at /.test(text));
  assert.equal(errors.length, 1, stderr);
  assert.match(errors[0]!, line);
}

test('a run that cannot write its record says so', { skip: noLimits }, () => {
  const trainDir = join(temporaryFolder(), 'run');
  assertOneLine(
    trainWithin(1, trainDir),
    /^losslens: .*run\.json: cannot be written to \(file too large\)/,
  );
  assert.equal(existsSync(join(trainDir, 'checkpoint')), false);
});

test('a run whose log has no room trains to its end, and says so once with a count', {
  skip: noLimits,
}, async () => {
  const trainDir = join(temporaryFolder(), 'run');
  // The event file gets no further than some of its pictures.
  const { status, stderr } = trainWithin(1000, trainDir);
  assert.equal(status, 0, stderr);
  assertWhole(trainDir);
  const said = stderr.match(
    /tfevents.*: cannot be written to \(file too large\).*Training goes on without/g,
  );
  assert.equal(said?.length, 1, stderr);
  assert.match(stderr, /\ncould not be written: summaries and pictures \(\d+\)\n/);
  assert.equal(await latestCheckpoint(trainDir), join(trainDir, `model.ckpt-${2 * epochs}`));
  // The log lacks the end of the run: with more room the next start writes it.
  const again = await losslens(trainArguments(trainDir));
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /done after 24 steps\n/);
  assert.match(
    (await losslens(trainArguments(trainDir))).stderr,
    /holds a run of 24 steps already/,
  );
});

test('a user whom the system does not know, and who has no HOME, trains with views', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  // As homedir() of such a user does.
  const hook = `import os from 'node:os';
    import { syncBuiltinESMExports } from 'node:module';
    os.homedir = () => {
      if (!process.env.HOME) throw new Error('uv_os_homedir returned ENOENT');
      return process.env.HOME;
    };
    syncBuiltinESMExports();`;
  const { code, stderr } = await losslens(trainArguments(trainDir, '--max_number_of_epochs=1'), {
    HOME: '',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}`,
  });
  assert.equal(code, 0, stderr);
  const tags = [...readEvents(trainDir)].flatMap(({ values }) => values.map(({ tag }) => tag));
  assert.ok(
    tags.some((tag) => tag.startsWith('selection')),
    tags.join(),
  );
});

test('a last checkpoint that cannot be written ends a run with one line, and the one before stays', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  const taken = join(trainDir, 'model.ckpt-8.data-00000-of-00001');
  mkdirSync(join(taken, 'folder'), { recursive: true });
  const fewer = '--max_number_of_epochs=4';
  const args = trainArguments(trainDir, fewer, '--save_interval_steps=1');
  const { code, stderr } = await losslens(args);
  assertOneLine(
    { status: code, stderr },
    /^losslens: .*model\.ckpt-8: cannot be saved \(.*\)\. The last good checkpoint is .*model\.ckpt-7; /,
  );
  assert.equal(await latestCheckpoint(trainDir), join(trainDir, 'model.ckpt-7'));
  rmSync(taken, { recursive: true });
  await assertResumes(trainDir, 4, fewer);
});

test('a run whose evaluations have no log ends with one line, and does not hang', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  mkdirSync(trainDir);
  writeFileSync(join(trainDir, 'eval'), 'no folder');
  const args = trainArguments(trainDir, '--eval_interval_epochs=1');
  const { code, stderr } = await losslens(args);
  assertOneLine(
    { status: code, stderr },
    /^losslens: --eval_interval_epochs: cannot write to ".*eval" \(/,
  );
});

test('Ctrl-C leaves a checkpoint even when the console is gone before', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  const [child, ended] = startLosslens(trainArguments(trainDir));
  child.stderr!.on('data', (chunk) => {
    if (!String(chunk).includes('step 5 of')) return;
    // As `2>&1 | tee` does, which Ctrl-C ends, too.
    child.stderr!.destroy();
    child.kill('SIGINT');
  });
  assert.equal((await ended).code, 130);
  assert.ok(existsSync(join(trainDir, 'checkpoint')));
  assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
});

test('a signal that comes twice at once, as from `timeout`, leaves a checkpoint as one does', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  const [child, ended] = startLosslens(trainArguments(trainDir));
  child.stderr!.on('data', (chunk) => {
    if (!String(chunk).includes('step 5 of')) return;
    for (let i = 0; i < 3; i++) child.kill('SIGTERM');
  });
  assert.equal((await ended).code, 143);
  assert.ok(existsSync(join(trainDir, 'checkpoint')));
  assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
});

test('SIGHUP and SIGTERM leave a checkpoint as Ctrl-C does, with their own exit codes', async () => {
  for (const [signal, code] of [
    ['SIGHUP', 129],
    ['SIGTERM', 143],
  ] as const) {
    const trainDir = join(temporaryFolder(), 'run');
    const [child, ended] = startLosslens(trainArguments(trainDir));
    child.stderr!.on('data', (chunk) => {
      if (String(chunk).includes('step 5 of')) child.kill(signal);
    });
    const result = await ended;
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, new RegExp(`${signal}: stopping after this step`));
    assert.ok(existsSync(join(trainDir, 'checkpoint')));
    assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
  }
});

test('a terminal that is closed leaves a checkpoint, too', { skip: skipWithoutPython() }, () => {
  const folder = temporaryFolder();
  const trainDir = join(folder, 'run');
  const program = [process.execPath, join(packageRoot, 'dist/bin/losslens.js')];
  const code = runPython(
    'hangUp.py',
    ...[join(folder, 'code'), 'step [1-9]\\d*/'],
    ...[...program, ...trainArguments(trainDir, '--max_number_of_epochs=500')],
  );
  assert.equal(code, 129);
  assert.ok(existsSync(join(trainDir, 'checkpoint')));
  assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
});

test('a folder whose name is not UTF-8 is named, as what is relative to it could not be', {
  skip: noLimits,
}, () => {
  const folder = `${temporaryFolder()}/$'\\xff'`;
  const { status, stderr } = trainAfter(`mkdir ${folder}; cd ${folder}`, 'run');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^losslens: the folder that it was started in is ".*\uFFFD", in which \uFFFD can stand for any byte that is not UTF-8; rename it, or start in another one\.\n$/,
  );
});

test('a folder that is gone under its user is named, and not waited in', { skip: noLimits }, () => {
  const folder = join(temporaryFolder(), 'gone');
  const trainDir = join(temporaryFolder(), 'run');
  const result = trainAfter(`mkdir ${folder}; cd ${folder}; rmdir ${folder}`, trainDir);
  assertOneLine(result, /uv_cwd: the folder that it was started in is gone/);
  assert.ok(!existsSync(trainDir));
});

test('where too few files may be open it is said how to allow more', { skip: noLimits }, () => {
  const result = trainAfter('ulimit -n 45', join(temporaryFolder(), 'run'));
  assertOneLine(result, /too many open files.*ulimit -n 1024/);
});
