/** The forms of data that datasets/ reads, but for images. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeTfrecords } from '../../datasets/convert.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { loadCifar10 } from '../../datasets/formats/cifar10.ts';
import { loadMnist } from '../../datasets/formats/mnist.ts';
import { fileState, writeRecordIndex } from '../../datasets/formats/recordIndex.ts';
import { loadTextTsv } from '../../datasets/formats/textTsv.ts';
import { listTfrecords } from '../../datasets/formats/tfrecordDataset.ts';
import { readClassNames } from '../../datasets/labels/classNames.ts';
import { applyLabelsFile } from '../../datasets/labels/labelsFile.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { encodeRecord } from '../../src/files/tfrecord.ts';
import { cifarRecord, idx, pickledBatch } from '../datasets/makeFiles.ts';
import type { Format } from './hostile.ts';

/** A format of one file that is written as it is before it is read. */
function oneFile(
  name: string,
  file: string,
  samples: readonly (string | Buffer)[],
  read: (path: string, folder: string) => Promise<unknown>,
  framed: (input: Buffer) => Buffer = (input) => input,
): Format {
  return {
    name,
    open: async (folder) => {
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      return {
        samples: samples.map((sample) => Buffer.from(sample)),
        read: async (input) => {
          await writeFile(path, framed(input));
          return read(path, folder);
        },
      };
    },
  };
}

const images = idx([2, 28, 28], Buffer.alloc(1568, 7));
const labels = idx([2], Buffer.of(3, 4));

function mnist(part: 'images' | 'labels', suffix: '' | '.gz', compressFirst = false): Format {
  const pack = (bytes: Buffer) => (suffix === '' ? bytes : gzipSync(bytes, { level: 1 }));
  const files = {
    images: [`train-images-idx3-ubyte${suffix}`, images],
    labels: [`train-labels-idx1-ubyte${suffix}`, labels],
  } as const;
  const [file, sample] = files[part];
  const [otherFile, other] = files[part === 'images' ? 'labels' : 'images'];
  const packed = compressFirst ? pack(sample) : sample;
  return oneFile(
    `IDX ${part}${suffix}${compressFirst ? ', compressed bytes' : ''}`,
    file,
    [packed],
    async (_, folder) => {
      await writeFile(join(folder, otherFile), pack(other));
      return loadMnist(folder, 'train');
    },
    compressFirst ? (input) => input : pack,
  );
}

/** The digits as TFRecords. */
async function digitsRecords(folder: string): Promise<string> {
  await writeTfrecords(makeDigits('train', 3), { folder, numShards: 1 });
  return join(folder, 'digits_train.tfrecord');
}

async function readAll(folder: string): Promise<void> {
  const dataset = await loadDataset({ name: 'digits', folder, split: 'train' });
  if (dataset.kind !== 'images') return;
  for (const item of dataset.items) await dataset.image(item);
}

const tfrecords: Format = {
  name: 'TFRecord',
  open: async (folder) => {
    const path = await digitsRecords(folder);
    return {
      samples: [await readFile(path)],
      read: async (input) => {
        await writeFile(path, input);
        await readAll(folder);
      },
    };
  },
};

const examples: Format = {
  name: 'Example',
  open: async (folder) => {
    const path = await digitsRecords(folder);
    const payloads = Array.from(readRecords(path), ({ payload }) => Buffer.from(payload));
    return {
      samples: payloads,
      read: async (input) => {
        await writeFile(path, encodeRecord(input));
        await readAll(folder);
      },
    };
  },
};

/** An index beside the data that lies about what they hold. */
const recordIndex: Format = {
  name: 'index of TFRecords',
  open: async (folder) => {
    const path = await digitsRecords(folder);
    const state = await fileState(path);
    const item = {
      labels: Int32Array.of(3),
      payloadOffsets: Float64Array.of(12),
      imageStarts: Uint32Array.of(20),
      imageBytes: Uint32Array.of(60),
    };
    await writeRecordIndex(folder, 'digits', 'train', [[state, item]], Date.now() + 60_000);
    const index = join(folder, '.losslens', 'digits_train.index');
    const [header, key, records] = Array.from(readRecords(index), ({ payload }) =>
      Buffer.from(payload),
    );
    return {
      samples: [records!],
      read: async (input) => {
        await writeFile(index, Buffer.concat([header!, key!, input].map(encodeRecord)));
        await listTfrecords('digits', 'train', [path], null);
        await readAll(folder).catch((error: Error) => {
          // What the index points to, within the file, need not be an image.
          if (!error.message.includes('cannot be decoded')) throw error;
        });
      },
    };
  },
};

const digits = makeDigits('train', 10);

/** By the files that hold them. */
export const datasetFormats: readonly Format[] = [
  mnist('images', ''),
  mnist('labels', ''),
  mnist('images', '.gz'),
  mnist('labels', '.gz', true),
  oneFile(
    'CIFAR-10, binary',
    'test_batch.bin',
    [Buffer.concat([cifarRecord(1), cifarRecord(2)])],
    (_, folder) => loadCifar10(folder, 'test'),
  ),
  oneFile(
    'CIFAR-10, pickled',
    'test_batch',
    [pickledBatch([cifarRecord(1), cifarRecord(2)]), pickledBatch([cifarRecord(3)])],
    (_, folder) => loadCifar10(folder, 'test'),
  ),
  tfrecords,
  examples,
  recordIndex,
  oneFile(
    'labels.txt',
    'labels.txt',
    ['0:cat\n1:dog\n2:a bird\n', '\uFEFF 0 : cat \r\n\r\n1:dog'],
    (_, folder) => readClassNames(folder),
  ),
  oneFile(
    'labels.csv',
    'labels.csv',
    [
      'item,label,decision,note\n0,one,,\n3,"two",relabel,"a, b"\n4,,drop,x\n',
      '"item","label"\r\n1,"3"\r\n\r\n2,0\r\n',
    ],
    (path) => applyLabelsFile(digits, path),
  ),
  oneFile(
    'TSV',
    'train.tsv',
    ['good\ta fine film\nbad\tdull\ngood\t"so" so\n', '1\tun été\r\n0\ttwo\r\n1\tthree\r'],
    (_, folder) => loadTextTsv(folder, 'train', ['train'], () => {}),
  ),
];
