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

/** How a process ends that hears of some signals, which it sends itself, together. @param start  a shell's way to start it */
function endOf(start: string, names: readonly string[]): string {
  const module = new URL('../../src/console/interrupt.js', import.meta.url).href;
  const program = `
    import { interruptSignal } from ${JSON.stringify(module)};
    interruptSignal((name) => process.stdout.write(name + ' '));
    for (const name of ${JSON.stringify(names)}) process.kill(process.pid, name);
    // What waits of the signals is heard before an immediate is called, however late the timer is.
    setTimeout(() => setImmediate(() => process.exit(0)), 300);`;
  const command = [process.execPath, '--input-type=module', '-e', program];
  const { stdout, signal } = spawnSync('bash', ['-c', start, ...command], { encoding: 'utf8' });
  return `${stdout}${signal}`;
}

const endAfter = (...names: readonly string[]) => endOf('exec "$0" "$@"', names);

test('a second signal ends the process, also one that comes before the first is heard', {
  skip: process.platform === 'win32' && 'the system has no such signals',
}, () => {
  assert.equal(endAfter('SIGINT'), 'SIGINT null');
  assert.equal(endAfter('SIGINT', 'SIGINT'), 'SIGINT SIGINT');
  assert.equal(endAfter('SIGTERM', 'SIGINT'), 'SIGTERM SIGINT');
  assert.equal(endAfter('SIGHUP', 'SIGHUP'), 'SIGHUP null');
  assert.equal(endAfter('SIGHUP', 'SIGTERM'), 'SIGHUP SIGTERM');
});

test('a process that nohup started, or a script that it started, does not hear of its terminal', {
  skip: process.platform !== 'linux' && 'nothing tells it there',
}, () => {
  for (const start of ['nohup "$0" "$@" 2>/dev/null', `trap '' HUP; "$0" "$@"; true`]) {
    assert.equal(endOf(start, ['SIGHUP', 'SIGHUP']), 'null', start);
    assert.equal(endOf(start, ['SIGHUP', 'SIGTERM']).split(' ')[0], 'SIGTERM', start);
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
