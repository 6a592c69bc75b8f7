import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';
import { loadImages } from './loadImages.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

for (const [form, write] of [
  ['TFRecords', writeTfrecords],
  ['an image folder', writeImageFolder],
] as const) {
  test(`a disk that fills while ${form} are written is said, and nothing stays`, async () => {
    const dataset = await loadImages({ name: 'mnist', folder: data, split: 'train' });
    const folder = join(temporaryFolder(), 'converted');
    mkdirSync(folder);
    await setDisk({
      troubles: [{ path: 'converted', calls: ['writeFile'], from: 7, code: 'ENOSPC' }],
    });
    await assert.rejects(write(dataset, { folder, numShards: 2 }), {
      name: 'WriteError',
      message: `${folder}: cannot be written to (no space left on device).`,
    });
    await setDisk({});
    assert.deepEqual(readdirSync(folder), []);
  });
}
