import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Suspect, writeSuspects } from '../../src/inference/suspectFiles.ts';
import { temporaryFolder } from '../losslens.ts';

const suspect = {
  rank: 1,
  row: 4,
  item: 5,
  file: '',
  label: 'R&D',
  output: 'a "b"',
  suggestedLabel: 'a "b"',
  suggestedProbability: 0.75,
  epochs: 2,
  scores: [1, 2.5],
  score: 2.5,
} satisfies Omit<Suspect, 'content'>;

const classNames = ['R&D', 'a "b"', '<c>'];

async function written(content: Suspect['content'], kind: 'images' | 'texts') {
  const folder = temporaryFolder();
  const suspects = [{ ...suspect, content }];
  await writeSuspects(folder, { suspects, classNames, scoreName: 'loss', kind });
  const textOf = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { folder, textOf, jsonOf: (name: string) => JSON.parse(textOf(name)) };
}

test('a path keeps its meaning in the address by which Label Studio serves it', async () => {
  const { jsonOf } = await written({ image: '/data/a b/50 % & more?/ü#1.jpg' }, 'images');
  const [{ data }] = jsonOf('label_studio.json');
  const url = new URL(data.image, 'http://localhost:8080');
  assert.equal(url.pathname, '/data/local-files/');
  assert.equal(url.searchParams.get('d'), 'data/a b/50 % & more?/ü#1.jpg');
});

test('classes of any name are choices of the labeling configuration', async () => {
  const { textOf } = await written({ image: '/a.jpg' }, 'images');
  const values = [...textOf('label_studio.xml').matchAll(/<Choice value="([^"<>]*)"\/>/g)];
  const decoded = values.map(([, value]) =>
    value!.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))),
  );
  assert.deepEqual(decoded, classNames);
});

test('a text is in its task, and needs no FiftyOne', async () => {
  const { folder, textOf, jsonOf } = await written({ text: 'so <good>' }, 'texts');
  const [{ data, predictions }] = jsonOf('label_studio.json');
  assert.deepEqual(data, { text: 'so <good>', given_label: 'R&D', item: 5, rank: 1, loss: 2.5 });
  assert.equal(predictions[0].score, 0.75);
  assert.match(textOf('label_studio.xml'), /<Text name="item" value="\$text"\/>/);
  assert.ok(!existsSync(join(folder, 'fiftyone.json')));
});
