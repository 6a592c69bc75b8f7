import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writePictures } from '../../datasets/datasetPictures.ts';
import { describeDataset } from '../../datasets/describe.ts';
import { pictureMarker } from '../../datasets/formats/folderTree.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';

for (const [file, written] of [
  [pictureMarker, []],
  ['mean.png', [pictureMarker]],
  ['0000-zero.png', [pictureMarker, 'mean.png']],
] as const) {
  test(`a disk that is full when ${file} is written is said, and nothing of it stays`, async () => {
    const dataset = makeDigits('train', 20);
    const folder = temporaryFolder();
    const description = await describeDataset(dataset);
    const troubles = [{ path: file, calls: ['writeFile'], code: 'ENOSPC', isHalfway: true }];
    await setDisk({ troubles });
    await assert.rejects(writePictures(dataset, description, folder, 8), {
      name: 'WriteError',
      message: `${join(folder, 'train', file)}: cannot be written to (no space left on device).`,
    });
    await setDisk({});
    assert.deepEqual(readdirSync(join(folder, 'train')), written);
  });
}
