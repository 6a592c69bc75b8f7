import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventFiles, readEvents } from '../../src/events/readEvents.ts';
import { readRecords } from '../../src/events/recordReader.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { losslens, startLosslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';

const data = temporaryFolder();
writeSmallMnist(data, 20, 10);
/** Two steps an epoch. */
const epochs = 6;

function trainArguments(trainDir: string): string[] {
  return [
    ...['train', '--engine=wasm', `--train_dir=${trainDir}`, '--model_name=lenet', '--seed=1'],
    ...['--dataset_name=mnist', `--dataset_dir=${data}`, '--batch_size=10', '--optimizer=sgd'],
    ...[`--max_number_of_epochs=${epochs}`, '--log_every_n_steps=1', '--ns=16', '--hm=pool1'],
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

async function assertResumes(trainDir: string): Promise<void> {
  const { code, stderr } = await losslens(trainArguments(trainDir));
  assert.equal(code, 0, stderr);
  assertWhole(trainDir);
  assert.deepEqual(
    loggedSteps(trainDir),
    Array.from({ length: 2 * epochs }, (_, i) => i + 1),
  );
  assert.ok(!existsSync(join(trainDir, 'losslens.lock')));
  assert.deepEqual(
    readdirSync(trainDir).filter((name) => name.endsWith('.tmp')),
    [],
  );
}

test('a run whose disk is full ends with one clear line, and goes on when there is room', {
  skip: process.platform === 'win32' && 'the shell cannot limit the size of files',
}, async () => {
  const trainDir = join(temporaryFolder(), 'run');
  // Blocks of 1 KiB: the event file gets no further than its first pictures.
  const command = `trap '' XFSZ; ulimit -f 150; exec "$0" "$@"`;
  const program = join(packageRoot, 'dist/bin/losslens.js');
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', command, process.execPath, program, ...trainArguments(trainDir)],
    { encoding: 'utf8' },
  );
  assert.equal(status, 1, stderr);
  const errors = stderr.split('\n').filter((line) => /losslens: |Error|^ +at /.test(line));
  assert.equal(errors.length, 1, stderr);
  assert.match(
    errors[0]!,
    /^losslens: .*tfevents.*: cannot be written to \(EFBIG: .*free some space/,
  );
  assertWhole(trainDir);
  await assertResumes(trainDir);
});

test('Ctrl-C twice ends a run at once, and loses nothing that it had written', async () => {
  const trainDir = join(temporaryFolder(), 'run');
  const [child, ended] = startLosslens(trainArguments(trainDir));
  let text = '';
  let interrupts = 0;
  child.stderr!.on('data', (chunk) => {
    text += chunk;
    if (interrupts === 0 && text.includes('step 5 of')) interrupts += Number(child.kill('SIGINT'));
    if (interrupts === 1 && text.includes('SIGINT: stopping after this step; once more')) {
      interrupts += Number(child.kill('SIGINT'));
    }
  });
  const { stderr } = await ended;
  assert.equal(interrupts, 2, stderr);
  assertWhole(trainDir);
  assert.ok(loggedSteps(trainDir).includes(4));
  await assertResumes(trainDir);
});
