import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  interruptedExitCode,
  interruptSignal,
  unlessAborted,
} from '../../src/console/interrupt.ts';

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${name} aborts once, and stands for ${code}; a terminal’s second SIGHUP is one with it`, () => {
    const heard: string[] = [];
    const { signal, release } = interruptSignal((received) => heard.push(received));
    assert.equal(signal.aborted, false);
    process.emit(name, name);
    process.emit('SIGHUP', 'SIGHUP');
    assert.equal(signal.aborted, true);
    assert.deepEqual(heard, [name]);
    assert.equal(interruptedExitCode(signal), code);
    release();
    for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      assert.equal(process.listenerCount(each), 0, each);
    }
  });
}

/** How a process ends that sends itself some signals, so many ms apart. @param start  a shell's way to start it */
function endOf(start: string, names: readonly string[], apartMs: number): string {
  const module = new URL('../../src/console/interrupt.js', import.meta.url).href;
  const program = `
    import { interruptSignal } from ${JSON.stringify(module)};
    interruptSignal((name) => process.stdout.write(name + ' '));
    for (const name of ${JSON.stringify(names)}) {
      process.kill(process.pid, name);
      // What waits of the signals is heard before an immediate is called, however late the timer is.
      await new Promise((go) => setTimeout(() => setImmediate(go), ${apartMs}));
    }
    process.exit(0);`;
  const command = [process.execPath, '--input-type=module', '-e', program];
  const { stdout, signal } = spawnSync('bash', ['-c', start, ...command], { encoding: 'utf8' });
  return `${stdout}${signal}`;
}

test('a second signal ends the process, unless it comes with the first', {
  skip: process.platform === 'win32' && 'the system has no such signals',
}, () => {
  const endAfter = (apartMs: number, ...names: readonly string[]) =>
    endOf('exec "$0" "$@"', names, apartMs);
  assert.equal(endAfter(0, 'SIGINT'), 'SIGINT null');
  for (const [first, second] of [
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
    ['SIGHUP', 'SIGTERM'],
  ] as const) {
    assert.equal(endAfter(0, first, second), `${first} null`);
    assert.equal(endAfter(300, first, second), `${first} ${second}`);
  }
  assert.equal(endAfter(300, 'SIGHUP', 'SIGHUP'), 'SIGHUP null');
});

test('what `timeout` sends twice lets the process end by itself', {
  skip: process.platform !== 'linux' && 'there may be no such program',
}, () => {
  const module = new URL('../../src/console/interrupt.js', import.meta.url).href;
  const program = `
    import { interruptSignal } from ${JSON.stringify(module)};
    interruptSignal((name) => {
      process.stdout.write(name);
      setTimeout(() => process.exit(0), 100);
    });
    setTimeout(() => {}, 1e5);`;
  const command = [process.execPath, '--input-type=module', '-e', program];
  const { stdout, status } = spawnSync('timeout', ['--preserve-status', '1.5', ...command], {
    encoding: 'utf8',
  });
  assert.equal(stdout, 'SIGTERM');
  assert.equal(status, 0);
});

test('a process that nohup started, or a script that it started, does not hear of its terminal', {
  skip: process.platform !== 'linux' && 'nothing tells it there',
}, () => {
  for (const start of ['nohup "$0" "$@" 2>/dev/null', `trap '' HUP; "$0" "$@"; true`]) {
    assert.equal(endOf(start, ['SIGHUP', 'SIGHUP'], 0), 'null', start);
    assert.equal(endOf(start, ['SIGHUP', 'SIGTERM'], 0).split(' ')[0], 'SIGTERM', start);
  }
});

test('an interrupt ends the waiting for what does not come', async () => {
  const controller = new AbortController();
  assert.equal(await unlessAborted(controller.signal, Promise.resolve(3)), 3);
  await assert.rejects(
    unlessAborted(controller.signal, Promise.reject(new Error('full'))),
    /^Error: full$/,
  );
  const waiting = unlessAborted(controller.signal, new Promise(() => {}));
  controller.abort('SIGINT');
  await assert.rejects(waiting, (reason) => reason === 'SIGINT');
  await assert.rejects(
    unlessAborted(controller.signal, Promise.reject(new Error('said by nobody'))),
    (reason) => reason === 'SIGINT',
  );
});
