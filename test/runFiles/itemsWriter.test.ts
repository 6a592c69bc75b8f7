import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inMemory } from '../../datasets/inMemory.ts';
import { WriteError } from '../../src/errors.ts';
import { KnownItems } from '../../src/insitu/knownItems.ts';
import { stepScores } from '../../src/insitu/stepScores.ts';
import { writeItems } from '../../src/runFiles/itemsFile.ts';
import { ItemsWriter } from '../../src/runFiles/itemsWriter.ts';
import { temporaryFolder } from '../losslens.ts';

const classNames = ['a', 'b'];

/** So many items, of which the first `seen` were seen once. */
function some(size: number, seen: number) {
  const dataset = {
    ...inMemory({
      name: 'made',
      split: 'train',
      classNames,
      imageShape: [1, 1, 1] as const,
      labels: Uint8Array.from({ length: size }, (_, item) => item % 2),
      pixels: new Uint8Array(size),
    }),
    places: { kind: 'drawn' as const, from: 'made train', items: new Uint32Array(size).fill(5) },
  };
  const items = new KnownItems(dataset.labels, classNames.length);
  const itemIndices = Uint32Array.from({ length: seen }, (_, item) => item);
  const ones = new Uint8Array(seen).fill(1);
  const scores = Float32Array.from({ length: stepScores.length * seen }, (_, i) => i / 7);
  const probabilities = new Float32Array(2 * seen).fill(0.5);
  items.add({ itemIndices, labels: ones, output: ones, scores, probabilities });
  return { dataset, items, known: items.state };
}

const read = (folder: string) => readFileSync(join(folder, 'items.csv'), 'utf8');

test('another thread writes what this one would, which goes on before it is there', async () => {
  const { dataset, items, known } = some(5000, 3000);
  const here = temporaryFolder();
  await writeItems(here, dataset, items);
  const folder = temporaryFolder();
  const writer = new ItemsWriter(folder, dataset, (write) => write());
  writer.write(known);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!existsSync(join(folder, 'items.csv')));
  await writer.close();
  assert.equal(read(folder), read(here));
});

for (const [what, size] of [
  ['a few', 4],
  ['many', 5000],
] as const) {
  test(`of versions of ${what} items that wait the last is written, one at a time`, async () => {
    const folder = temporaryFolder();
    let underWay = 0;
    let writes = 0;
    const writer = new ItemsWriter(folder, some(size, 0).dataset, async (write) => {
      assert.equal(++underWay, 1);
      writes++;
      await write();
      underWay--;
    });
    for (const seen of [0, 1, 2]) writer.write(some(size, seen).known);
    await writer.finish();
    assert.equal(writes, 2);
    assert.match(read(folder), /\n1,item 5 of made train,b,b,.*\n2,item 5 of made train,a,,/);
    writer.write(some(size, 3).known);
    await writer.close();
    assert.match(read(folder), /\n2,item 5 of made train,a,b,/);
  });

  test(`a version of ${what} items that cannot be written does not keep the next from it`, async () => {
    const folder = temporaryFolder();
    const lost: unknown[] = [];
    const writer = new ItemsWriter(folder, some(size, 0).dataset, (write) =>
      write().catch((error: unknown) => {
        lost.push(error);
        rmdirSync(join(folder, 'items.csv.tmp'));
      }),
    );
    mkdirSync(join(folder, 'items.csv.tmp'));
    writer.write(some(size, 0).known);
    await writer.finish();
    writer.write(some(size, 1).known);
    await writer.close();
    assert.equal(lost.length, 1);
    assert.ok(lost[0] instanceof WriteError);
    assert.match(
      lost[0].message,
      /items\.csv: cannot be written to \(.*items\.csv\.tmp is a folder\)\.$/,
    );
    assert.match(read(folder), /\n0,item 5 of made train,a,b,/);
  });
}
