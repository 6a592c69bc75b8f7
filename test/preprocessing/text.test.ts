import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { makePhrases } from '../../datasets/builtIn/phrases.ts';
import { makeShapes } from '../../datasets/builtIn/shapes.ts';
import { tokenize } from '../../datasets/tokens.ts';
import { recordedVocabulary, trainingVocabulary } from '../../src/input/networkInput.ts';
import { BatchPipeline } from '../../src/preprocessing/batchPipeline.ts';
import { checkPreprocessing } from '../../src/preprocessing/factory.ts';
import { prepareItems } from '../../src/preprocessing/prepareItems.ts';
import {
  buildVocabulary,
  readVocabulary,
  writeVocabulary,
} from '../../src/preprocessing/vocabulary.ts';
import { writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder } from '../losslens.ts';

const wordsOf = (text: string) => tokenize(text).map(({ word }) => word);

test('a text is split into words with their apostrophes, and single signs', () => {
  assert.deepEqual(wordsOf("Don’t say it's 3.5€!"), [
    'don’t',
    'say',
    "it's",
    '3',
    '.',
    '5',
    '€',
    '!',
  ]);
  assert.deepEqual(wordsOf('  \t\u200b\n'), []);
});

test('accents, ligatures and scripts without spaces are tokens as people read them', () => {
  assert.deepEqual(wordsOf('Cafe\u0301 ﬁne ÄRGER'), ['café', 'fine', 'ärger']);
  assert.deepEqual(wordsOf('東京 は暑い。'), ['東', '京', 'は', '暑', 'い', '。']);
  assert.deepEqual(wordsOf('👩‍👩‍👧👍🏽ok'), ['👩‍👩‍👧', '👍🏽', 'ok']);
});

test('a token says where it stands in its text', () => {
  const text = 'Not  bad, 👍🏽!';
  for (const { word, start, end } of tokenize(text)) {
    assert.equal(text.slice(start, end).toLowerCase(), word);
  }
});

test('a vocabulary holds the most frequent words, equally frequent ones in their order', () => {
  const texts = ['b a c', 'c b', 'c d'];
  assert.deepEqual(buildVocabulary(texts).words, ['<padding>', '<unknown>', 'c', 'b', 'a', 'd']);
  assert.deepEqual(buildVocabulary([...texts].reverse()).words, buildVocabulary(texts).words);
  const small = buildVocabulary(texts, 4);
  assert.equal(small.size, 4);
  assert.deepEqual([...small.encode('A, b c?')], [1, 1, 3, 2, 1]);
});

test('a run knows the words of the checkpoint that it goes on from, else those of its data', async () => {
  const other = temporaryFolder();
  const words = async (checkpoint: string | undefined) =>
    (await trainingVocabulary(checkpoint, phrases, 12)).words;
  const ofData = buildVocabulary(phrases.texts, 12).words;
  const ofOther = buildVocabulary(['one two two']);
  await writeVocabulary(join(other, 'vocabulary.txt'), ofOther);
  assert.deepEqual(await words(undefined), ofData);
  assert.deepEqual(await words(join(other, 'model.ckpt-7')), ofOther.words);
});

test('words that are not those of the run are refused, and missing ones taken from its data', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'vocabulary.txt');
  const checkpoint = join(folder, 'model.ckpt-7');
  const train = () => trainingVocabulary(checkpoint, phrases, 12);
  const ofRun = buildVocabulary(phrases.texts, 12);
  await writeVocabulary(path, ofRun);
  const record = async (vocabularySha256?: string) => {
    rmSync(join(folder, 'run.json'), { force: true });
    const dataset = { name: 'phrases', split: 'train', items: 23, classes: ['a'] };
    await writeRunRecord(folder, {
      ...{ step: 0, flags: {}, engine: { name: '', reason: '' } },
      precision: { computeType: 'float32', reason: '' },
      dataset: vocabularySha256 === undefined ? dataset : { ...dataset, vocabularySha256 },
    });
  };
  await record(ofRun.sha256);
  assert.deepEqual((await recordedVocabulary(folder)).words, ofRun.words);

  const [padding, unknown, first, second, ...rest] = ofRun.words;
  for (const words of [
    [padding, unknown, first, second],
    [padding, unknown, second, first, ...rest],
  ]) {
    writeFileSync(path, `${words.join('\n')}\n`);
    const message = `${path}: holds other words than the run was trained with, or in another order; expected the file as the run wrote it.`;
    for (const read of [train, () => recordedVocabulary(folder)]) {
      await assert.rejects(read, { name: 'UserError', message });
    }
  }

  rmSync(path);
  const written = mock.method(process.stderr, 'write', () => true);
  assert.deepEqual((await train()).words, ofRun.words);
  await record();
  await train();
  written.mock.restore();
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    ['which are the same', 'perhaps others than the run was trained with'].map(
      (which) => `${path}: is missing; the words of the data are taken, ${which}\n`,
    ),
  );
  await record(buildVocabulary(['one two two']).sha256);
  await assert.rejects(train, /vocabulary\.txt: is missing, and the data have other words than/);
});

test('a vocabulary is read as it was written, and damage is named by its line', async () => {
  const path = join(temporaryFolder(), 'vocabulary.txt');
  assert.equal(await readVocabulary(path), null);
  const vocabulary = buildVocabulary(['one two two']);
  await writeVocabulary(path, vocabulary);
  assert.equal(readFileSync(path, 'utf8'), '<padding>\n<unknown>\ntwo\none\n');
  assert.deepEqual((await readVocabulary(path))!.words, vocabulary.words);
  // As Windows' editors and version control have it.
  writeFileSync(path, `\ufeff${vocabulary.words.join('\r\n')}\r\n`);
  assert.equal((await readVocabulary(path))!.sha256, vocabulary.sha256);
  for (const [content, message] of [
    ['two\none\n', /line 1: got "two"; expected <padding>/],
    ['<padding>\n<unknown>\na\n\nb\n', /line 4: is empty/],
    ['<padding>\n<unknown>\na\nb\na\n', /line 5: got "a", which is in line 3 already/],
    ['<padding>\n', /is cut off/],
  ] as const) {
    writeFileSync(path, content);
    await assert.rejects(readVocabulary(path), message);
  }
});

const phrases = makePhrases('train', 23);
const vocabulary = buildVocabulary(phrases.texts);
const input = { kind: 'texts', shape: [8], vocabulary } as const;
const options = { input, isTraining: true, batchSize: 5, seed: 4 };

test('batches of texts hold token ids, cut and padded, the same with any number of threads', async () => {
  const runs = await Promise.all(
    [1, 3].map(async (numThreads) => {
      const pipeline = new BatchPipeline(phrases, { ...options, numThreads });
      const batches: { items: number[]; ids: number[] }[] = [];
      for await (const { itemIndices, feeds, labels } of pipeline.epoch(1)) {
        const { data, shape } = feeds['token_ids']!;
        assert.ok(data instanceof Int32Array);
        assert.deepEqual(shape, [itemIndices.length, 8]);
        itemIndices.forEach((item, row) => {
          const ids = [...vocabulary.encode(phrases.texts[item]!).subarray(0, 8)];
          const padded = [...ids, ...Array<number>(8 - ids.length).fill(0)];
          assert.deepEqual([...data.subarray(row * 8, row * 8 + 8)], padded);
          assert.equal(labels[row], phrases.labels[item]);
        });
        batches.push({ items: [...itemIndices], ids: [...data] });
      }
      await pipeline.close();
      return batches;
    }),
  );
  assert.deepEqual(runs[0], runs[1]);
  const seen = runs[0]!.flatMap(({ items }) => items).sort((a, b) => a - b);
  assert.deepEqual(seen, [...phrases.items]);
});

test('named texts are prepared as the pipeline prepares them', async () => {
  const { feeds, labels } = await prepareItems(phrases, [7, 2], input);
  const prepared = feeds['token_ids']!;
  assert.deepEqual(prepared.shape, [2, 8]);
  const ids = vocabulary.encode(phrases.texts[2]!);
  assert.deepEqual(
    [...prepared.data.subarray(8, 8 + Math.min(8, ids.length))],
    [...ids.subarray(0, 8)],
  );
  assert.deepEqual([...labels.data], [phrases.labels[7], phrases.labels[2]]);
});

test('items of another kind than the network takes are refused', async () => {
  assert.throws(
    () => new BatchPipeline(makeShapes('train', 4), { ...options, numThreads: 1 }),
    /--dataset_name: shapes holds images; the network takes texts/,
  );
  assert.throws(
    () => checkPreprocessing('lenet', 'texts'),
    /--preprocessing_name: got "lenet"; expected text for texts/,
  );
});
