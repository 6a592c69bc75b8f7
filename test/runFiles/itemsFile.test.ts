import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inMemory } from '../../datasets/inMemory.ts';
import { stepScores } from '../../src/insitu/itemScores.ts';
import { scores } from '../../src/insitu/scores.ts';
import { ScoreTable } from '../../src/insitu/scoreTable.ts';
import { MeanProbabilities } from '../../src/insitu/suggestedLabels.ts';
import { writeItems } from '../../src/runFiles/itemsFile.ts';
import { temporaryFolder } from '../losslens.ts';

const dataset = {
  ...inMemory({
    name: 'made',
    split: 'train',
    classNames: ['cat', 'a "b", c'],
    imageShape: [1, 1, 1],
    labels: Uint8Array.of(0, 1, 0, 1),
    pixels: new Uint8Array(4),
  }),
  // Item 1 is left out, as when its image cannot be decoded.
  items: Uint32Array.of(0, 2, 3),
  describeItem: (item: number) => `pictures/${item}, new.png`,
};

test('items.csv has a row for each used item, with every score of those that were seen', async () => {
  const folder = temporaryFolder();
  const table = new ScoreTable(4);
  const suggested = new MeanProbabilities(4, 2);
  const step = {
    itemIndices: [3],
    // 0.5, 1.5, … in the order of the scores
    scores: Float32Array.from(stepScores, (_, i) => i + 0.5),
    output: [0],
    labels: [1],
  };
  table.add(step);
  suggested.add([3], [0.75, 0.25]);
  await writeItems(folder, dataset, table, suggested);
  const lines = readFileSync(join(folder, 'items.csv'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(readdirSync(folder), ['items.csv']);
  assert.equal(
    lines[0],
    ['item,file,label,output,suggested_label,suggested_probability,epochs', ...scores.keys()].join(
      ',',
    ),
  );
  const commas = ','.repeat(scores.size);
  assert.equal(lines[1], `0,"pictures/0, new.png",cat,,,,0${commas}`);
  assert.equal(lines[2], `2,"pictures/2, new.png",cat,,,,0${commas}`);
  assert.ok(
    lines[3]!.startsWith('3,"pictures/3, new.png","a ""b"", c",cat,cat,0.75,1,0.5,0.5,1.5,1.5,'),
    lines[3],
  );
  assert.equal(lines.length, 4);
  // Never learnt: as many forgetting events as epochs, and one wrong event.
  assert.ok(lines[3]!.endsWith(',1,1'), lines[3]);
});
