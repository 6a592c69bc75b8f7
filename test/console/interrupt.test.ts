import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interruptedExitCode, interruptSignal } from '../../src/console/interrupt.ts';

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${name} aborts once, stands for ${code}, and leaves the next Ctrl-C to the system`, () => {
    const heard: string[] = [];
    const { signal, release } = interruptSignal((received) => heard.push(received));
    assert.equal(signal.aborted, false);
    process.emit(name, name);
    assert.equal(signal.aborted, true);
    assert.deepEqual(heard, [name]);
    assert.equal(interruptedExitCode(signal), code);
    // What nobody listens to ends the process.
    assert.deepEqual([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')], [0, 0]);
    release();
  });
}
