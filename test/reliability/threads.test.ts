/** What a run does where the system gives it too few threads. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { lockFolder } from '../../src/files/folderLock.ts';
import { JobThread } from '../../src/jobThread.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { ViewRenderer } from '../../src/views/viewRenderer.ts';
import { losslens, smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { paperView } from '../views/someViews.ts';
import { allowThreads } from './fewThreads.ts';

test('a training that gets too few threads ends with one line, and leaves no lock', async () => {
  const folder = temporaryFolder();
  writeSmallMnist(folder, 20, 10);
  const trainDir = join(folder, 'run');
  const hook = pathToFileURL(join(packageRoot, 'dist/test/reliability/fewThreads.js')).href;
  // The lock has the first one, batches the second.
  const { code, stderr } = await losslens(
    [
      ...['train', '--engine=wasm', `--model_name=${smallNetwork}`, `--train_dir=${trainDir}`],
      ...['--dataset_name=mnist', `--dataset_dir=${folder}`, '--max_number_of_steps=1'],
      '--num_preprocessing_threads=3',
    ],
    { NODE_OPTIONS: `--import=${hook}`, LOSSLENS_TEST_THREADS: '2' },
  );
  assert.equal(code, 1);
  assert.equal(
    stderr,
    'losslens: EAGAIN: the system gives no further thread; allow the user or the container more of them (ulimit -u, a limit of pids)\n',
  );
  assert.ok(!existsSync(trainDir));
});

test('a folder whose lock gets no thread is left as it was', async () => {
  const top = temporaryFolder();
  const { release } = allowThreads(0);
  try {
    await assert.rejects(lockFolder(join(top, 'run'), '--train_dir'), /^Error: EAGAIN$/);
  } finally {
    release();
  }
  assert.deepEqual(readdirSync(top), []);
});

test('a large job that gets no thread is done all the same', async () => {
  const done: string[] = [];
  const thread = new JobThread<string>(new URL('data:text/javascript,'), async (job) => {
    done.push(job);
  });
  const { release } = allowThreads(0);
  try {
    await thread.do('saved', [new Uint8Array(2 ** 20)]);
  } finally {
    release();
  }
  assert.deepEqual(done, ['saved']);
});

test('views that get one thread alone are all drawn by it', async () => {
  const { started, release } = allowThreads(1);
  const renderer = new ViewRenderer();
  try {
    const views = Array.from({ length: 40 }, (_, step) => ({ ...paperView(), step }));
    const pngs = await Promise.all(views.map((view) => renderer.renderMonitoringView(view)));
    assert.ok(pngs.every(({ length }) => length > 0));
  } finally {
    release();
    await renderer.close();
  }
  assert.equal(started.length, 1);
});
