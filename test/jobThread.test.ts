import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobThread } from '../src/jobThread.ts';

const large = [new Uint8Array(new SharedArrayBuffer(2 ** 20))];

function threadOf(code: string): JobThread<string> {
  return new JobThread(new URL(`data:text/javascript,${encodeURIComponent(code)}`), () =>
    Promise.reject(new Error('done here')),
  );
}

const answering = `
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', (job) => eval(job));
  const done = () => parentPort.postMessage({ failure: null });
`;

test('a job of many bytes is done by the thread, one of few here', async () => {
  const thread = threadOf(answering);
  await thread.do('done()', large);
  await assert.rejects(thread.do('done()', []), /done here/);
  await thread.close();
});

test('a job is done here when what the thread runs has gone', async () => {
  const done: string[] = [];
  const thread = new JobThread<string>(new URL('./none.js', import.meta.url), async (job) => {
    done.push(job);
  });
  await thread.do('first', large);
  assert.deepEqual(done, ['first']);
  await thread.close();
});

test('a job that is given up settles, and the next one gets a new thread', async () => {
  const thread = threadOf(answering);
  const job = thread.do('', large);
  await thread.close();
  await job;
  await thread.do('done()', large);
  await thread.close();
});

test('a thread that dies fails its job, and the next one gets a new thread', async () => {
  const thread = threadOf(answering);
  await assert.rejects(thread.do('process.exit(3)', large), /ended with code 3/);
  await assert.rejects(thread.do('throw new RangeError("no room")', large), /no room/);
  await thread.do('done()', large);
  await thread.close();
});

test('a small job that throws at once fails as one that throws later', async () => {
  const thread = new JobThread<string>(new URL('data:text/javascript,'), () => {
    throw new TypeError('no such array');
  });
  let isRejected = false;
  await thread.do('', []).catch(() => {
    isRejected = true;
  });
  assert.ok(isRejected);
});
