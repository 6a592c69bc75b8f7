import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EvaluationLog, savedCheckpoint } from '../../src/evaluation/evaluationLog.ts';

const folder = mkdtempSync(join(tmpdir(), 'losslens-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, seconds: number): string {
  writeFileSync(join(folder, name), '');
  utimesSync(join(folder, name), seconds, seconds);
  return join(folder, name.replace(/\.index$/, ''));
}

test('holds what was evaluated, until it is saved anew', async () => {
  const first = save('model.ckpt-1.index', 1000);
  const log = await EvaluationLog.open(folder);
  assert.ok(!log.holds(savedCheckpoint(first)!));
  await log.add(savedCheckpoint(first)!, { step: 1, accuracy: 0.5 });
  assert.ok(log.holds(savedCheckpoint(first)!));
  const opened = await EvaluationLog.open(folder);
  assert.ok(opened.holds(savedCheckpoint(first)!));
  // From another working directory.
  assert.ok(opened.holds({ ...savedCheckpoint(first)!, checkpoint: '../run/model.ckpt-1' }));
  save('model.ckpt-1.index', 2000);
  assert.ok(!opened.holds(savedCheckpoint(first)!));
});

test('a line that a killed process left half-written does not count', async () => {
  appendFileSync(join(folder, 'evaluations.jsonl'), '{"checkpoint":"model.ck');
  const log = await EvaluationLog.open(folder);
  const second = savedCheckpoint(save('model.ckpt-2.index', 3000))!;
  assert.ok(!log.holds(second));
  await log.add(second, { step: 2, accuracy: 0.6 });
  assert.ok((await EvaluationLog.open(folder)).holds(second));
});

test('checkpoints of format V1 are one file, and one that is gone is none', () => {
  const path = save('resnet_v1_50.ckpt', 4000);
  assert.deepEqual(savedCheckpoint(path), { checkpoint: path, savedMs: 4_000_000 });
  assert.equal(savedCheckpoint(join(folder, 'model.ckpt-9')), null);
});
