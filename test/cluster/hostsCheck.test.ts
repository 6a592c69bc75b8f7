import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differenceOf } from '../../src/cluster/hostsCheck.ts';

const hosts = { worker: ['a:1', 'b:1'], ps: ['c:1'] };

test('the same hosts do not differ', () => {
  assert.equal(differenceOf(hosts, { worker: ['a:1', 'b:1'], ps: ['c:1'] }), undefined);
});

test('of hosts that differ the flag is named, and what either has', () => {
  assert.equal(
    differenceOf({ ...hosts, worker: ['a:1', 'd:1'] }, hosts),
    '--worker_hosts: got d:1 for worker 1; expected b:1',
  );
  assert.equal(
    differenceOf({ ...hosts, worker: ['b:1', 'a:1'] }, hosts),
    '--worker_hosts: got b:1 for worker 0; expected a:1',
  );
  assert.equal(differenceOf({ ...hosts, ps: [] }, hosts), '--ps_hosts: got 0 hosts; expected 1');
});
