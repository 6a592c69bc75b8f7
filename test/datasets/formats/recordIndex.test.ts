import assert from 'node:assert/strict';
import { open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listSplits } from '../../../datasets/factory.ts';
import { encodeExample } from '../../../datasets/formats/example.ts';
import { listTfrecords } from '../../../datasets/formats/tfrecordDataset.ts';
import { encodeRecord } from '../../../src/files/tfrecord.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

const mebibyte = 2 ** 20;
/** What is too large to be checked at each start, in two shards. */
const mebibytes = 66;
const shards = [0, 1].map((shard) => `x_train_0000${shard}-of-00002.tfrecord`);
const record = (label: number) =>
  encodeRecord(
    encodeExample(
      { encoded: Buffer.alloc(mebibyte, label), label },
      { format: 'png', height: 1, width: 1 },
    ),
  );
/** When the data were written: a whole second, so that it can be set again. */
const written = new Date('2020-01-01T00:00:00Z');

const bytesOf = shards.map((_, shard) => {
  const labels = [0, 1, 2].map((label) => record(label + 2 * shard));
  return Buffer.concat(Array.from({ length: mebibytes / 2 }, (_, i) => labels[i % 3]!));
});

async function writeShards(folder: string): Promise<string[]> {
  const paths = shards.map((shard) => join(folder, shard));
  for (const [shard, path] of paths.entries()) {
    await writeFile(path, bytesOf[shard]!);
    await utimes(path, written, written);
  }
  return paths;
}

/** Changes a byte of an image, which its checksum tells, and nothing that the file system tells. */
async function damageUnseen(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Buffer.of(77), 0, 1, 2 * mebibyte);
  await file.close();
  await utimes(path, written, written);
}

/** Sets the folder that caches are in, until the test ends. */
function useCacheFolder(t: TestContext, folder: string): void {
  const before = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = folder;
  t.after(() => {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  });
}

const list = (paths: readonly string[]) => listTfrecords('x', 'train', paths, null);
const isDamaged = /00001-of-00002\.tfrecord, byte \d+: found data checksum/;

test('a large split is checked once, and again when a file or the index has changed', async (t) => {
  const folder = await temporaryFolder(t);
  const paths = await writeShards(folder);
  const first = await list(paths);
  assert.equal(first.size, mebibytes);
  assert.deepEqual(await readdir(join(folder, '.losslens')), ['x_train.index']);
  assert.deepEqual(await listSplits({ name: 'x', folder }), ['train']);
  await damageUnseen(paths[1]!);
  assert.deepEqual(await list(paths), first);
  const index = join(folder, '.losslens', 'x_train.index');
  const intact = await readFile(index);
  for (const at of [20, intact.length / 2, intact.length - 30]) {
    const damaged = Buffer.from(intact);
    damaged[Math.floor(at)]! ^= 1;
    await writeFile(index, damaged);
    await assert.rejects(list(paths), isDamaged);
  }
  await writeFile(index, intact.subarray(0, -1));
  await assert.rejects(list(paths), isDamaged);
  await writeFile(index, intact);
  assert.deepEqual(await list(paths), first);
  await utimes(paths[1]!, written, new Date());
  await assert.rejects(list(paths), isDamaged);
});

test('what was written just now is checked again', async (t) => {
  const folder = await temporaryFolder(t);
  const paths = await writeShards(folder);
  for (const path of paths) await utimes(path, new Date(), new Date());
  await list(paths);
  assert.deepEqual((await readdir(folder)).sort(), shards);
});

test('where nothing can be written beside the data, the index is in the cache of the user', async (t) => {
  const [folder, cache] = [await temporaryFolder(t), await temporaryFolder(t)];
  useCacheFolder(t, cache);
  const paths = await writeShards(folder);
  // No folder can be made of this name.
  await writeFile(join(folder, '.losslens'), '');
  const first = await list(paths);
  const kept = (await readdir(cache, { recursive: true })).filter((name) => /\.index$/.test(name));
  assert.match(kept.join(), /^losslens\/records\/[0-9a-f]{16}\/x_train\.index$/);
  await damageUnseen(paths[1]!);
  assert.deepEqual(await list(paths), first);
  // Data of the same names in another folder have an index of their own.
  await rm(join(cache, kept[0]!));
  await assert.rejects(list(paths), isDamaged);
});

test('nowhere to write an index is no fault', async (t) => {
  const folder = await temporaryFolder(t);
  const paths = await writeShards(folder);
  await writeFile(join(folder, '.losslens'), '');
  useCacheFolder(t, join(paths[0]!, 'cache'));
  assert.equal((await list(paths)).size, mebibytes);
});

test('timers go on while records are checked', async (t) => {
  const folder = await temporaryFolder(t);
  const paths = await writeShards(folder);
  // Not by the clock: others may use the processor.
  const usedMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const start = usedMs();
  let last = start;
  let longestMs = 0;
  const note = () => {
    longestMs = Math.max(longestMs, usedMs() - last);
    last = usedMs();
  };
  const timer = setInterval(note, 1);
  await list([...paths, ...paths, ...paths]);
  clearInterval(timer);
  note();
  const ms = last - start;
  assert.ok(longestMs < 0.7 * ms, `${longestMs} of ${ms} ms`);
});
