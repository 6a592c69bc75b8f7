/** The files that a run leaves and that commands read again. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { EvaluationLog } from '../../src/evaluation/evaluationLog.ts';
import { toCsv } from '../../src/files/csv.ts';
import { dropLinesAfter, readJsonLines } from '../../src/files/jsonLines.ts';
import { withKnownClasses } from '../../src/input/knownClasses.ts';
import { readVocabulary } from '../../src/preprocessing/vocabulary.ts';
import { expectItemsOfRun } from '../../src/review/itemsOfRun.ts';
import { appendLabelChanges } from '../../src/runFiles/labelChanges.ts';
import { readRunRecord, writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { itemHeader, itemRow, readRankedItems } from '../../src/runFiles/scoredItems.ts';
import { restoreSelection, writeSelection } from '../../src/runFiles/selectionFiles.ts';
import { readWeightsRecord } from '../../src/weights/record.ts';
import type { Format } from './hostile.ts';

function oneFile(
  name: string,
  file: string,
  samples: readonly string[],
  read: (folder: string, path: string) => Promise<unknown>,
  isRefusedSeldom = false,
  maxInputs = Number.POSITIVE_INFINITY,
): Format {
  return {
    name,
    isRefusedSeldom,
    maxInputs,
    open: async (folder) => ({
      samples: samples.map((sample) => Buffer.from(sample)),
      read: async (input) => {
        const path = join(folder, file);
        await writeFile(path, input);
        return read(folder, path);
      },
    }),
  };
}

const digits = makeDigits('train', 4);
const items = [0, 1, 2, 3].map((item) => ({
  item,
  file: '',
  label: digits.classNames[digits.labels[item]!]!,
  output: 'two',
  suggestedLabel: 'two',
  suggestedProbability: 0.5,
  epochs: 3,
  scores: [0.25 * item, -1.5],
}));
const itemsCsv = toCsv(itemHeader(['loss', 'margin']), items.map(itemRow));

const selection = [1, 2].map((epoch) => ({
  epoch,
  step: 10 * epoch,
  rank: 1,
  item: 3,
  label: 'one',
  output: 'two',
  probability: 0.5,
  contributions: { Logits: 0.25 },
  score: 0.25,
}));
const selectionsJsonl = selection.map((record) => `${JSON.stringify(record)}\n`).join('');

const runJson: Format = {
  name: 'run.json',
  open: async (folder) => {
    const path = join(folder, 'run.json');
    const record = {
      step: 0,
      flags: {
        dataset_name: 'digits',
        dataset_split_name: 'train',
        model_name: 'lenet',
        batch_size: 50,
        hm: ['pool1'],
        train_dir: folder,
        label_noise: 0.05,
        learning_rate: 0.01,
        use_grayscale: false,
      },
      engine: { name: 'tensorflow', reason: 'installed' },
      precision: { computeType: 'float32', reason: 'default' },
      dataset: {
        name: 'digits',
        split: 'train',
        items: 4,
        classes: digits.classNames,
        channels: 1,
        digest: 'items 1 0123456789abcdef',
      },
    } as const;
    await writeRunRecord(folder, record);
    const sample = await readFile(path);
    return {
      samples: [sample],
      read: async (input) => {
        await writeFile(path, input);
        const read = (await readRunRecord(folder))!;
        await resolveRunFlags(folder, {}, false);
        withKnownClasses(digits, read.dataset.classes);
        await writeRunRecord(folder, record);
      },
    };
  },
};

/** By their names in the folder of a run. */
export const runFileFormats: readonly Format[] = [
  runJson,
  oneFile('items.csv', 'items.csv', [itemsCsv], async (folder, path) => {
    const ranked = await readRankedItems(path, 3, ([name = 'none']) => ({
      name,
      first: 'highest',
    }));
    ranked.items.map(itemRow);
    expectItemsOfRun(digits, ranked, { folder, record: undefined, datasetDir: undefined });
  }),
  oneFile(
    'selections.jsonl',
    'selections.jsonl',
    [selectionsJsonl],
    async (folder) => {
      await writeSelection(folder, 'Logits', selection.slice(1), undefined);
      await restoreSelection(folder, 'Logits', 10);
    },
    true,
    // Each replaces a file and waits for the disk twice.
    250,
  ),
  oneFile('selection.csv', 'selection.csv', ['rank,item,step\n1,3,20\n'], (folder) =>
    restoreSelection(folder, 'Logits', 10),
  ),
  oneFile(
    'monitoring.jsonl',
    'monitoring.jsonl',
    [selectionsJsonl],
    async (_, path) => {
      await dropLinesAfter(path, 10);
      for await (const _ of readJsonLines(path));
    },
    true,
  ),
  oneFile(
    'evaluations.jsonl',
    'evaluations.jsonl',
    ['{"checkpoint":"/runs/a/model.ckpt-7","savedMs":1700000000000,"step":7,"accuracy":0.5}\n'],
    async (folder) => {
      const log = await EvaluationLog.open(folder);
      log.holds({ checkpoint: 'model.ckpt-7', savedMs: 1 });
    },
    true,
  ),
  oneFile(
    'label_changes.csv',
    'label_changes.csv',
    ['item,label_before,label,decision\n3,one,two,relabel\n'],
    (folder) => appendLabelChanges(folder, 'labels.csv', []),
  ),
  oneFile(
    'weights.json',
    'weights.json',
    [
      '{"name":"vgg_16","classes":1000,"license":"Apache-2.0","sha256":"00","isPublishedHash":true}\n',
    ],
    (folder) => readWeightsRecord(folder),
  ),
  oneFile('vocabulary.txt', 'vocabulary.txt', ['<padding>\n<unknown>\nthe\nfilm\n'], (_, path) =>
    readVocabulary(path),
  ),
];
