import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitingRecords } from '../../src/events/waitingRecords.ts';
import { encodeRecord } from '../../src/files/tfrecord.ts';

const payloads = [3, 0, 70_000, 1].map((bytes, i) => Buffer.alloc(bytes, 65 + i));

function add(records: WaitingRecords, payload: Buffer): void {
  records.add((reserve) => {
    payload.copy(reserve(payload.length));
  });
}

test('records lie one behind the other, as TFRecord frames them', () => {
  const records = new WaitingRecords();
  for (const payload of payloads) add(records, payload);
  assert.equal(records.count, payloads.length);
  assert.deepEqual(records.bytes, Buffer.concat(payloads.map(encodeRecord)));
});

test('a record whose payload cannot be made is none, and those before it stay', () => {
  const records = new WaitingRecords();
  add(records, payloads[0]!);
  assert.throws(
    () =>
      records.add((reserve) => {
        reserve(5).fill(1);
        throw new Error('no message');
      }),
    /no message/,
  );
  add(records, payloads[3]!);
  assert.deepEqual(
    records.bytes,
    Buffer.concat([encodeRecord(payloads[0]!), encodeRecord(payloads[3]!)]),
  );
});

test('of bytes that end within a record, those before it are whole', () => {
  const records = new WaitingRecords();
  for (const payload of payloads) add(records, payload);
  const [first, second] = payloads.map((payload) => encodeRecord(payload).length);
  assert.deepEqual(records.within(-24), { count: 0, byteLength: 0 });
  assert.deepEqual(records.within(first! - 1), { count: 0, byteLength: 0 });
  assert.deepEqual(records.within(first! + second! + 100), {
    count: 2,
    byteLength: first! + second!,
  });
  assert.deepEqual(records.within(records.byteLength).count, 4);
});

test('what comes after all were forgotten begins anew', () => {
  const records = new WaitingRecords();
  for (const payload of payloads) add(records, payload);
  records.clear();
  assert.equal(records.byteLength, 0);
  add(records, payloads[0]!);
  assert.deepEqual(records.bytes, encodeRecord(payloads[0]!));
});
