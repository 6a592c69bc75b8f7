/** TensorFlow's checkpoints. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  latestCheckpoint,
  openCheckpoint,
  resolveCheckpoint,
} from '../../src/checkpoint/checkpoints.ts';
import { encodeSliceKey } from '../../src/checkpoint/sliceKey.ts';
import { encodeTable } from '../../src/checkpoint/sortedTable.ts';
import {
  bundleFiles,
  type CheckpointTensor,
  writeTensorBundle,
} from '../../src/checkpoint/tensorBundle.ts';
import { maskedCrc32c } from '../../src/files/crc32c.ts';
import type { BundleEntryProto } from '../../src/messages.ts';
import { messageType } from '../../src/protos.ts';
import type { Format } from './hostile.ts';
import { stateFormat } from './stateFormat.ts';
import { blocksOf, tableOf } from './tables.ts';

const headerType = messageType('tensor_bundle.proto', 'BundleHeaderProto');
const entryType = messageType('tensor_bundle.proto', 'BundleEntryProto');
const slicesType = messageType('saved_tensor_slice.proto', 'SavedTensorSlices');

async function readTensors(prefix: string): Promise<void> {
  const { shapes, read } = await openCheckpoint(prefix);
  for (const name of shapes.keys()) await read(name);
}

const tensors = new Map<string, CheckpointTensor>([
  ['LeNet/conv1/biases', { shape: [3], data: Float32Array.of(1, 2, 3) }],
  ['LeNet/conv1/weights', { shape: [2, 3], data: new Float32Array(6) }],
  ['global_step', { shape: [], data: BigInt64Array.of(7n) }],
]);

async function writeBundle(folder: string): Promise<string> {
  const prefix = join(folder, 'model.ckpt-7');
  await writeTensorBundle(bundleFiles(prefix), tensors);
  return prefix;
}

function file(name: string, pathOf: (prefix: string) => string): Format {
  return {
    name,
    open: async (folder) => {
      const prefix = await writeBundle(folder);
      const path = pathOf(prefix);
      return {
        samples: [await readFile(path)],
        read: async (input) => {
          await writeFile(path, input);
          await readTensors(prefix);
        },
      };
    },
  };
}

/** Damage that no checksum shows. */
function block(kind: 'data' | 'index'): Format {
  return {
    name: `checkpoint V2, ${kind} block of the index`,
    open: async (folder) => {
      const prefix = await writeBundle(folder);
      const { index: path } = bundleFiles(prefix);
      const blocks = blocksOf(await readFile(path));
      return {
        samples: [blocks[kind]],
        read: async (input) => {
          await writeFile(path, tableOf({ ...blocks, [kind]: input }));
          await readTensors(prefix);
        },
      };
    },
  };
}

/** A partitioned variable of two slices; the changed message is the entry of the whole or of a slice. */
const entries: Format = {
  name: 'checkpoint V2, entry',
  open: async (folder) => {
    const prefix = join(folder, 'model.ckpt-7');
    const files = bundleFiles(prefix);
    const data = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    await writeFile(files.data, data);
    const slice = (start: number): [string, BundleEntryProto] => [
      encodeSliceKey('weights', [
        { start, length: 1 },
        { start: 0, length: undefined },
      ]),
      {
        dtype: 'DT_FLOAT',
        shape: { dim: [{ size: 1 }, { size: 3 }] },
        offset: 12 * start,
        size: 12,
        crc32c: maskedCrc32c(data.subarray(12 * start, 12 * start + 12)),
      },
    ];
    const whole: BundleEntryProto = {
      dtype: 'DT_FLOAT',
      shape: { dim: [{ size: 2 }, { size: 3 }] },
      slices: [0, 1].map((start) => ({ extent: [{ start, length: 1 }, {}] })),
    };
    const known = [slice(0), slice(1), ['weights', whole] as const].map(
      ([key, entry]) => [Buffer.from(key, 'latin1'), entryType.encode(entry)] as const,
    );
    const header = headerType.encode({ num_shards: 1, endianness: 'LITTLE' });
    return {
      // The first byte says which one it is.
      samples: known.map(([, message], i) => Buffer.concat([Buffer.of(i), message])),
      read: async (input) => {
        const changed = (input[0] ?? 0) % known.length;
        const table = known.map(
          ([key, message], i) => [key, i === changed ? input.subarray(1) : message] as const,
        );
        await writeFile(files.index, encodeTable([[Buffer.alloc(0), header], ...table]));
        await readTensors(prefix);
      },
    };
  },
};

const shape = { dim: [{ size: 2 }, { size: 3 }] };
const v1Slices = [0, 1].map((start) => ({ extent: [{ start, length: 1 }, {}] }));
const v1Messages = [
  [
    '',
    { meta: { tensor: [{ name: 'weights', shape, type: 'DT_FLOAT', slice: v1Slices }] } },
  ] as const,
  ...[0, 1].map(
    (start) =>
      [
        encodeSliceKey('weights', [
          { start, length: 1 },
          { start: 0, length: undefined },
        ]),
        { data: { name: 'weights', slice: v1Slices[start]!, data: { float_val: [1, 2, 3] } } },
      ] as const,
  ),
].map(([key, message]) => [Buffer.from(key, 'latin1'), slicesType.encode(message)] as const);

const v1: Format = {
  name: 'checkpoint V1',
  open: async (folder) => {
    const path = join(folder, 'resnet.ckpt');
    return {
      samples: [encodeTable(v1Messages)],
      read: async (input) => {
        await writeFile(path, input);
        await readTensors(path);
      },
    };
  },
};

const v1Entries: Format = {
  name: 'checkpoint V1, entry',
  open: async (folder) => {
    const path = join(folder, 'resnet.ckpt');
    return {
      samples: v1Messages.map(([, message], i) => Buffer.concat([Buffer.of(i), message])),
      read: async (input) => {
        const changed = (input[0] ?? 0) % v1Messages.length;
        const table = v1Messages.map(
          ([key, message], i) => [key, i === changed ? input.subarray(1) : message] as const,
        );
        await writeFile(path, encodeTable(table));
        await readTensors(path);
      },
    };
  },
};

const stateFile: Format = {
  name: 'the file checkpoint',
  open: async (folder) => {
    await writeBundle(folder);
    const path = join(folder, 'checkpoint');
    return {
      samples: [
        'model_checkpoint_path: "model.ckpt-7"\nall_model_checkpoint_paths: "model.ckpt-5"\n',
        'model_checkpoint_path: "model.ckpt-7"\nall_model_checkpoint_timestamps: 1.5\n',
      ].map((text) => Buffer.from(text)),
      read: async (input) => {
        await writeFile(path, input);
        await latestCheckpoint(folder);
        await resolveCheckpoint(folder);
      },
    };
  },
};

/** By the files that hold them. */
export const checkpointFormats: readonly Format[] = [
  file('checkpoint V2, index', (prefix) => bundleFiles(prefix).index),
  file('checkpoint V2, data', (prefix) => bundleFiles(prefix).data),
  block('data'),
  block('index'),
  entries,
  v1,
  v1Entries,
  stateFile,
  stateFormat,
];
