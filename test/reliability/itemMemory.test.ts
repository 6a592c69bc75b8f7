import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDataset } from '../../datasets/factory.ts';
import { encodeExample } from '../../datasets/formats/example.ts';
import { tfrecordFile } from '../../datasets/formats/tfrecordDataset.ts';
import { encodeRecord } from '../../src/files/tfrecord.ts';
import { ScoreTable } from '../../src/insitu/scoreTable.ts';
import { suggestedLabels } from '../../src/insitu/suggestedLabels.ts';
import { temporaryFolder } from '../datasets/temporaryFolder.ts';

/** Bytes of all memory blocks, and characters of all texts, that can be reached from a value. */
function bytesOf(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return bytesOf(value.buffer, seen);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return value.byteLength;
  return Object.values(value).reduce<number>((sum, each) => sum + bytesOf(each, seen), 0);
}

/** By how much something grows with each item. */
async function bytesAnItem(
  of: (items: number) => unknown,
  [few, many] = [100, 1100],
): Promise<number> {
  return (bytesOf(await of(many)) - bytesOf(await of(few))) / (many - few);
}

test('what is kept of an item of 1,000 classes while it trains takes less than 150 bytes', async () => {
  const kept = (items: number) => [new ScoreTable(items).state, suggestedLabels(items, 1000).state];
  // Of so many items probabilities of all classes are not kept.
  const bytes = await bytesAnItem(kept, [100_000, 200_000]);
  assert.ok(bytes > 50 && bytes < 150, `${bytes}`);
});

// One pixel: images that are not decoded are not looked into.
const encoded = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==',
  'base64',
);

test('an item of TFRecords takes 32 bytes, whatever its image', async (t) => {
  const folder = await temporaryFolder(t);
  const record = encodeRecord(
    encodeExample({ encoded, label: 0 }, { format: 'png', height: 1, width: 1 }),
  );
  await writeFile(join(folder, 'labels.txt'), '0:digit\n');
  const bytes = await bytesAnItem(async (items) => {
    const split = `of${items}`;
    const records = Buffer.concat(Array.from({ length: items }, () => record));
    await writeFile(join(folder, tfrecordFile('made', split)), records);
    return loadDataset({ name: 'made', folder, split, maxBytes: 0 });
  });
  assert.equal(Math.round(bytes), 32);
});

test('an item of an image folder takes 40 bytes and its path', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'of1100', 'a', '0000.png');
  const bytes = await bytesAnItem(async (items) => {
    const split = `of${String(items).padStart(4, '0')}`;
    await mkdir(join(folder, split, 'a'), { recursive: true });
    for (let item = 0; item < items; item++) {
      const name = `${String(item).padStart(4, '0')}.png`;
      await writeFile(join(folder, split, 'a', name), encoded);
    }
    return loadDataset({ name: 'folder', folder, split, maxBytes: 0 });
  });
  assert.equal(Math.round(bytes), 40 + path.length);
});
