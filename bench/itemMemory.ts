/**
 * The memory that an item takes, with very many of them.
 *
 *     node dist/bench/itemMemory.js [--items N] [--classes N] [--only CASE]
 *
 * The same is done with N items (a million by default) and with a tenth of them, each time by a process of its own: what
 * the first takes more than the second is of the items.
 *
 * - folder, tfrecord, tsv: a split in this form is opened. Images are of one pixel, and are not decoded; a text is a word
 * - in_situ: all that is kept of an item by default is made, and items.csv written
 * - run: the loop of the command over TFRecords, two epochs, with an engine that answers at once
 *
 * Of each, in resident memory of the process: heldBytes, what is held of an item in the end (null for a run, which leaves
 * nothing), and peakBytes, at its highest (null where the system does not tell). The last line is one JSON object.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadDataset } from '../datasets/factory.ts';
import { encodeExample } from '../datasets/formats/example.ts';
import { tfrecordFile } from '../datasets/formats/tfrecordDataset.ts';
import { encodeRecord } from '../src/files/tfrecord.ts';
import { KnownItems } from '../src/insitu/knownItems.ts';
import { writeItems } from '../src/runFiles/itemsFile.ts';
import { trainInstantly } from './instantRun.ts';
import { machine } from './machine.ts';

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    classes: { type: 'string', default: '1000' },
    only: { type: 'string' },
    // Of a process that does one case.
    of: { type: 'string' },
    folder: { type: 'string' },
  },
});
const size = Number(flags.items);
const classes = Number(flags.classes);
const classNames = Array.from({ length: classes }, (_, label) => `class ${1000 + label}`);
const labelOf = (item: number) => (item * 389) % classes;

/** Makes so many items for a case in an empty folder. */
type Maker = (folder: string, size: number) => Promise<void>;

function onePixel(): Promise<Buffer> {
  return sharp(Buffer.of(128), { raw: { width: 1, height: 1, channels: 1 } })
    .png()
    .toBuffer();
}

const makeFolder: Maker = async (folder, size) => {
  const image = await onePixel();
  for (const name of classNames) mkdirSync(join(folder, 'train', name), { recursive: true });
  let original = '';
  for (let item = 0; item < size; item++) {
    const path = join(folder, 'train', classNames[labelOf(item)]!, `picture_${item}.png`);
    // A file has so many names at most in common file systems.
    if (item % 30_000 === 0) {
      original = path;
      writeFileSync(path, image);
    } else {
      linkSync(original, path);
    }
  }
};

/** Writes a file of so many parts, many at a time. */
function writeParts(path: string, size: number, partOf: (item: number) => Buffer): void {
  const file = openSync(path, 'w');
  const atATime = 10_000;
  for (let first = 0; first < size; first += atATime) {
    const length = Math.min(atATime, size - first);
    writeSync(file, Buffer.concat(Array.from({ length }, (_, i) => partOf(first + i))));
  }
  closeSync(file);
}

const makeTfrecords: Maker = async (folder, size) => {
  const encoded = await onePixel();
  const record = (label: number) =>
    encodeRecord(encodeExample({ encoded, label }, { format: 'png', height: 1, width: 1 }));
  const records = classNames.map((_, label) => record(label));
  writeParts(join(folder, tfrecordFile('made', 'train')), size, (item) => records[labelOf(item)]!);
  writeFileSync(
    join(folder, 'labels.txt'),
    classNames.map((name, label) => `${label}:${name}\n`).join(''),
  );
};

const makeTsv: Maker = async (folder, size) => {
  writeParts(join(folder, 'train.tsv'), size, (item) =>
    Buffer.from(`${classNames[labelOf(item)]}\tword${item}\n`),
  );
};

/** Opens a split. @returns what is held by it */
function opening(name: string) {
  return (folder: string) =>
    loadDataset({ name, folder, split: 'train', size: { side: 28, fit: 'crop' } });
}

/** What is kept of each item, as a run keeps it by default, and items.csv. */
async function recordItems(folder: string) {
  const labels = Int32Array.from({ length: size }, (_, item) => labelOf(item));
  const known = new KnownItems(labels, classes);
  const { scores, suggested } = known.state;
  // Memory that nobody has written to is not there yet.
  for (const array of [...Object.values(scores), ...Object.values(suggested)]) {
    array.fill(1);
  }
  await writeItems(folder, { items: Uint32Array.from(labels.keys()), labels, classNames }, known);
  return known;
}

async function run(folder: string): Promise<null> {
  const trained = {
    model_name: 'lenet',
    dataset_name: 'made',
    batch_size: 500,
    hm: ['pool1', 'pool2'],
  };
  await trainInstantly(trained, folder, join(folder, 'run'), 1, () => () => {});
  return null;
}

/** What is done, with which data. @returns what is held in the end */
interface Case {
  readonly make: Maker;
  readonly run: (folder: string) => Promise<object | null>;
}

const cases: Readonly<Record<string, Case>> = {
  folder: { make: makeFolder, run: opening('folder') },
  tfrecord: { make: makeTfrecords, run: opening('made') },
  tsv: { make: makeTsv, run: opening('tsv') },
  in_situ: { make: async () => {}, run: recordItems },
  run: { make: makeTfrecords, run },
};

/** Bytes of the process. */
interface Use {
  readonly held: number | null;
  readonly peak: number | null;
}

/** Resident bytes of this process at their highest; null where the system does not tell. */
function peakBytes(): number | null {
  try {
    const [, kiB] = /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))!;
    return 1024 * Number(kiB);
  } catch {
    return null;
  }
}

/** What the last case left, so that it is not collected before it is measured. */
const left: (object | null)[] = [];

/** Does a case in this process. */
async function useOf({ run }: Case, folder: string): Promise<Use> {
  const bytes = async () => {
    // Buffers are let go of after what refers to them.
    for (let round = 0; round < 3; round++) {
      globalThis.gc!();
      await setImmediate();
    }
    // Memory that threads share counts nowhere else.
    return process.memoryUsage.rss();
  };
  const before = await bytes();
  left.push(await run(folder));
  const held = left[0] === null ? null : (await bytes()) - before;
  return { held, peak: peakBytes() };
}

/** Makes the data of a case, and does it in another process: what is made there is not of its peak. */
async function measured(name: string, items: number): Promise<Use> {
  const folder = mkdtempSync(join(tmpdir(), 'losslens-bench-'));
  try {
    await cases[name]!.make(folder, items);
    const own = fileURLToPath(import.meta.url);
    const args = ['--items', String(items), '--classes', flags.classes, '--of', name];
    const { stdout, status } = spawnSync(
      process.execPath,
      ['--expose-gc', own, ...args, '--folder', folder],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (status !== 0) throw new Error(`${name} with ${items} items failed`);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Use;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureAll(): Promise<void> {
  const few = Math.round(size / 10);
  const perItem = (large: number | null, small: number | null) =>
    large === null || small === null ? null : Math.round((large - small) / (size - few));
  const report: Record<string, { heldBytes: number | null; peakBytes: number | null }> = {};
  for (const name of Object.keys(cases)) {
    if (flags.only !== undefined && flags.only !== name) continue;
    const [small, large] = [await measured(name, few), await measured(name, size)];
    const [heldBytes, peakBytes] = [
      perItem(large.held, small.held),
      perItem(large.peak, small.peak),
    ];
    report[name] = { heldBytes, peakBytes };
    console.log(`${name}: holds ${heldBytes} bytes an item, and takes ${peakBytes} at its peak`);
  }
  console.log(JSON.stringify({ machine, items: size, classes, ...report }));
}

if (flags.of === undefined) await measureAll();
else console.log(JSON.stringify(await useOf(cases[flags.of]!, flags.folder!)));
process.exit(0);
