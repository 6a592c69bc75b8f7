import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitAloud } from '../../../src/engines/distributed/longWait.ts';

test('a long wait is said after 30 s, and each time that it has taken twice as long, until its end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: number[] = [];
  let end = (_: string) => {};
  const waiting = new Promise<string>((resolve) => {
    end = resolve;
  });
  const aloud = waitAloud(waiting, (seconds) => {
    said.push(seconds);
  });
  const saidWithin = (seconds: number) => {
    for (let second = 0; second < seconds; second++) t.mock.timers.tick(1000);
    return said.splice(0);
  };
  assert.deepEqual(saidWithin(29), []);
  assert.deepEqual(saidWithin(271), [30, 60, 120, 240]);
  end('found');
  assert.equal(await aloud, 'found');
  assert.deepEqual(saidWithin(1000), []);
});
