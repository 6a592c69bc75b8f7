import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { EventWriter } from '../../src/events/eventWriter.ts';
import { insertSummaries } from '../../src/events/insertSummaries.ts';
import { eventFiles, readEvents } from '../../src/events/readEvents.ts';
import { scalarSummary, textSummary } from '../../src/events/summaries.ts';
import { tensorboardCommand } from '../../src/events/tensorboardCommand.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';

/** Writes one file of scalars with the tag "loss". */
async function writeScalars(folder: string, firstStep: number, ...steps: number[]): Promise<void> {
  const writer = await EventWriter.create(folder, firstStep);
  for (const step of steps) await writer.write({ step, values: [scalarSummary('loss', step)] });
  await writer.close();
}

/** Steps of a tag as TensorBoard keeps them: a value replaces those from its step on. */
function keptSteps(folder: string, tag: string): number[] {
  const kept: number[] = [];
  for (const { step, values } of readEvents(folder)) {
    if (!values.some((value) => value.tag === tag)) continue;
    while (kept.length > 0 && kept.at(-1)! >= step) kept.pop();
    kept.push(step);
  }
  return kept;
}

test('a new file sorts after those in the folder, whatever the clock says', async () => {
  const folder = temporaryFolder();
  const future = Math.floor(Date.now() / 1000) + 5000;
  writeFileSync(join(folder, `events.out.tfevents.${future}.zzz.1.0.v2`), '');
  await writeScalars(folder, 0, 1);
  await writeScalars(folder, 2, 2);
  const names = readdirSync(folder).sort();
  assert.deepEqual(
    names.map((name) => name.split('.')[3]),
    [future, future + 1, future + 2].map(String),
  );
  assert.match(names[2]!, /^events\.out\.tfevents\.\d{10}\..+\.\d+\.0\.v2$/);
});

test('writers that start in the same second get a file each', async () => {
  const folder = temporaryFolder();
  const writers = await Promise.all([0, 0, 0].map((step) => EventWriter.create(folder, step)));
  assert.equal(new Set(writers.map(({ path }) => path)).size, 3);
  await Promise.all(writers.map((writer) => writer.close()));
});

test('a log that is deleted while it is written to goes on in another file, and is told of once', async () => {
  const folder = temporaryFolder();
  const told: [message: string, events: number][] = [];
  const tell = ({ message }: Error, events: number) => told.push([message, events]);
  const writer = await EventWriter.create(folder, 0, tell, { lookIntervalMs: 1e9 });
  const { path } = writer;
  const log = (step: number) => writer.write({ step, values: [scalarSummary('loss', step)] });
  await log(1);
  await writer.sync();
  rmSync(path);
  await log(2);
  await writer.sync();
  await log(3);
  await writer.sync();
  await writer.close();
  assert.deepEqual(keptSteps(folder, 'loss'), [3]);
  assert.deepEqual(told, [[`${path}: was deleted or moved; the log goes on in another file.`, 0]]);
});

test('a log that is emptied or cut short is told of before the next write, and leaves no hole', async () => {
  for (const left of [0, 100]) {
    const folder = temporaryFolder();
    const told: string[] = [];
    const tell = ({ message }: Error) => told.push(message);
    // The first one looks at once; the second writes into the file before it does.
    for (const lookIntervalMs of [0, 1e9]) {
      const writer = await EventWriter.create(folder, 0, tell, { lookIntervalMs });
      const { path } = writer;
      const log = (step: number) => writer.write({ step, values: [scalarSummary('loss', step)] });
      for (let step = 1; step < 9; step++) await log(step);
      await writer.flush();
      truncateSync(path, left);
      await log(9);
      await writer.sync();
      await log(10);
      await writer.close();
      assert.notEqual(writer.path, path);
      assert.match(
        told.pop()!,
        /: was cut short by \d+ of \d+ bytes; the log goes on in another file/,
      );
      assert.deepEqual(told, []);
      assert.equal(keptSteps(folder, 'loss').at(-1), 10);
      // Behind a torn record nobody reads.
      assert.equal(keptSteps(folder, 'loss').includes(9), lookIntervalMs === 0 || left === 0);
      assert.ok(!readFileSync(path).includes(Buffer.alloc(64)));
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    }
  }
});

test('so does a log whose file the system has given up, as after a break of a network drive', async () => {
  // It knows the files that are opened from then on.
  await setDisk({});
  const folder = temporaryFolder();
  const told: [message: string, events: number][] = [];
  const writer = await EventWriter.create(folder, 0, ({ message }, events) =>
    told.push([message, events]),
  );
  const { path } = writer;
  const log = async (step: number) => {
    await writer.write({ step, values: [scalarSummary('loss', step)] });
    await writer.flush();
  };
  const calls = ['write', 'truncate', 'datasync'];
  try {
    await log(1);
    await setDisk({ troubles: [{ calls, path: 'tfevents', code: 'EIO' }] });
    await log(2);
    await log(3);
    await setDisk({ troubles: [{ calls, path: basename(path), code: 'EIO' }] });
    await log(4);
    await log(5);
    await writer.close();
  } finally {
    await setDisk({});
  }
  assert.notEqual(writer.path, path);
  assert.deepEqual(keptSteps(folder, 'loss'), [1, 4, 5]);
  assert.deepEqual(
    told.map(([, events]) => events),
    [1, 1],
  );
});

/** Writes with event files' handles that are changed when they are opened. */
async function withHandles(
  change: (file: fs.promises.FileHandle) => void,
  write: () => Promise<void>,
): Promise<void> {
  const { open } = fs.promises;
  fs.promises.open = async (...args) => {
    const file = await open(...args);
    if (String(args[0]).includes('tfevents')) change(file);
    return file;
  };
  syncBuiltinESMExports();
  try {
    await write();
  } finally {
    fs.promises.open = open;
    syncBuiltinESMExports();
  }
}

const ioError = () => Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5 });

test('a file that cannot be closed is told of, as one that the disk does not confirm', async () => {
  const told: string[] = [];
  const change = (file: fs.promises.FileHandle) => {
    const { close } = file;
    file.close = async () => {
      await close();
      throw ioError();
    };
  };
  await withHandles(change, async () => {
    const writer = await EventWriter.create(temporaryFolder(), 0, (error) =>
      told.push(error.message),
    );
    await writer.close();
  });
  assert.equal(told.length, 1);
  assert.match(told[0]!, /tfevents.*: is not confirmed by the disk \(i\/o error\)/);
});

test('of a log that another file took the place of, that was cut short or given up it is told which', async () => {
  let isGivenUp = false;
  const change = (file: fs.promises.FileHandle) => {
    const { stat, datasync } = file;
    const orFail = (call: () => Promise<unknown>) =>
      isGivenUp ? Promise.reject(ioError()) : call();
    file.stat = (() => orFail(() => stat.call(file))) as typeof stat;
    file.datasync = (() => orFail(() => datasync.call(file))) as typeof datasync;
  };
  const moveAway = (path: string) => {
    renameSync(path, join(temporaryFolder(), 'moved'));
    writeFileSync(path, '');
  };
  const giveUp = () => {
    isGivenUp = true;
  };
  for (const [takeAway, fault, kept] of [
    [moveAway, 'was deleted or moved', [2]],
    [(path: string) => truncateSync(path), String.raw`was cut short by (\d+) of \1 bytes`, [2]],
    [giveUp, String.raw`takes no more \(i/o error\)`, [1, 2]],
  ] as const) {
    const folder = temporaryFolder();
    const told: string[] = [];
    await withHandles(change, async () => {
      const writer = await EventWriter.create(folder, 0, ({ message }) => told.push(message));
      const { path } = writer;
      const log = (step: number) => writer.write({ step, values: [scalarSummary('loss', step)] });
      await log(1);
      await writer.sync();
      takeAway(path);
      await writer.sync();
      isGivenUp = false;
      await log(2);
      await writer.close();
      assert.notEqual(writer.path, path);
    });
    assert.deepEqual(keptSteps(folder, 'loss'), kept);
    assert.equal(told.length, 1);
    assert.match(told[0]!, new RegExp(`tfevents.*: ${fault}; the log goes on in another file\\.$`));
  }
});

test('a log whose folder is replaced leaves the other folder alone', async () => {
  const folder = join(temporaryFolder(), 'run');
  const told: string[] = [];
  const writer = await EventWriter.create(folder, 0, ({ message }) => told.push(message), {
    maxFileBytes: 1,
  });
  renameSync(folder, `${folder}-moved`);
  mkdirSync(folder);
  await writer.write({ step: 1, values: [scalarSummary('loss', 1)] });
  await writer.close();
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(keptSteps(`${folder}-moved`, 'loss'), [1]);
  assert.equal(told.length, 1);
  assert.match(
    told[0]!,
    /tfevents.*: was moved or deleted with its folder; what is logged does not/,
  );
});

test('what was appended reaches the file without a flush', async () => {
  const folder = temporaryFolder();
  const writer = await EventWriter.create(folder, 0);
  await writer.write({ step: 1, values: [scalarSummary('loss', 1)] });
  // No flush, no close: a killed process does neither.
  while (keptSteps(folder, 'loss').length < 1) await new Promise((go) => setTimeout(go, 5));
  await writer.close();
});

test('a tag has one plugin, and steps that grow, over all files of a run', async () => {
  const folder = temporaryFolder();
  await writeScalars(folder, 0, 1, 2, 3, 4);
  const writer = await EventWriter.create(folder, 4);
  const refused = async (step: number, value: ReturnType<typeof scalarSummary>, what: RegExp) =>
    await assert.rejects(writer.write({ step, values: [value] }), what);
  await refused(3, scalarSummary('loss', 0), /"loss": got step 3 after step 3/);
  await refused(4, textSummary('loss', ''), /"loss": got a value of text after one of scalars/);
  await refused(Number.NaN, scalarSummary('a', 0), /"a": got step NaN/);
  const tensor = { dtype: 'DT_DOUBLE', tensor_shape: {} } as const;
  const double = { ...scalarSummary('a', 0), tensor };
  await refused(4, double, /"a": got a scalar of DT_DOUBLE; expected DT_FLOAT/);
  await refused(4, { ...double, tensor: { dtype: 'DT_FLOAT' } }, /"a": got a tensor without shape/);
  await refused(4, { ...double, metadata: {} }, /"a": got no plugin/);
  const twice = [scalarSummary('b', 0), scalarSummary('b', 1)];
  await assert.rejects(writer.write({ step: 4, values: twice }), /"b": got step 4 after step 4/);
  await writer.write({ step: 4, values: [scalarSummary('loss', 4)] });
  await writer.close();
  assert.deepEqual(keptSteps(folder, 'loss'), [1, 2, 3, 4]);
});

test('a run has one graph, also when it is resumed', async () => {
  const folder = temporaryFolder();
  for (const firstStep of [0, 5]) {
    const writer = await EventWriter.create(folder, firstStep);
    await writer.writeGraph(Uint8Array.of(1, 2, 3));
    await writer.writeGraph(Uint8Array.of(1, 2, 3));
    await writer.close();
  }
  assert.equal([...readEvents(folder)].filter(({ hasGraph }) => hasGraph).length, 1);
});

test('a run that begins anew logs its graph again, as readers drop what was there', async () => {
  const folder = temporaryFolder();
  for (let start = 0; start < 2; start++) {
    const writer = await EventWriter.create(folder, 0);
    await writer.writeGraph(Uint8Array.of());
    await writer.close();
  }
  const graphs = eventFiles(folder).map(
    (path) => [...readRecords(path)].length - 2, // file version and start
  );
  assert.deepEqual(graphs, [1, 1]);
});

test('the longest series counts what resumed runs left and replaced', async () => {
  const folder = temporaryFolder();
  await writeScalars(folder, 0, 10, 20, 30, 40, 50);
  await writeScalars(folder, 31, 40, 50, 60);
  const writer = await EventWriter.create(folder, 61);
  await writer.write({ step: 70, values: [scalarSummary('loss', 0), textSummary('note', '')] });
  assert.deepEqual(writer.longestSeries, { scalars: 7, text: 1 });
  await writer.close();
});

test('the command names the series that TensorBoard would thin out, and no other', () => {
  assert.equal(
    tensorboardCommand('runs', { images: 10, scalars: 1000, text: 3 }),
    'tensorboard --logdir runs',
  );
  assert.equal(
    tensorboardCommand("my 'runs'", { text: 11, images: 37, scalars: 1001, histograms: 101 }),
    `tensorboard --logdir 'my '\\''runs'\\''' --samples_per_plugin images=37,scalars=1001,text=11,histograms=101`,
  );
  assert.equal(tensorboardCommand('-runs', {}), 'tensorboard --logdir ./-runs');
});

test('a summary of an earlier step takes its place in the series', async () => {
  const folder = temporaryFolder();
  await insertSummaries(folder, { step: 20, values: [scalarSummary('eval', 2)] });
  await insertSummaries(folder, {
    step: 30,
    values: [scalarSummary('eval', 3), scalarSummary('other', 3)],
  });
  await insertSummaries(folder, { step: 10, values: [scalarSummary('eval', 1)] });
  await insertSummaries(folder, { step: 30, values: [scalarSummary('eval', 4)] });
  assert.deepEqual(keptSteps(folder, 'eval'), [10, 20, 30]);
  assert.deepEqual(keptSteps(folder, 'other'), [30]);
  const last = [...readEvents(folder)].findLast(({ values }) => values[0]?.tag === 'eval');
  assert.deepEqual(last?.values[0]?.tensor['float_val'], [4]);
});

test('a file that ends within a record counts up to there', async () => {
  const folder = temporaryFolder();
  await writeScalars(folder, 0, 1, 2);
  const [path] = eventFiles(folder);
  const { size } = statSync(path!);
  spawnSync('truncate', ['-s', String(size - 3), path!]);
  await writeScalars(folder, 2, 2, 3);
  assert.deepEqual(keptSteps(folder, 'loss'), [1, 2, 3]);
});

const noLimits = process.platform === 'win32' && 'the shell cannot limit the size of files';
test('a full disk gives one clear line, and leaves whole records', { skip: noLimits }, async () => {
  const folder = temporaryFolder();
  const writer = join(packageRoot, 'dist/test/events/fillFile.js');
  // Blocks of 1 KiB; the signal would end the process before it could say anything.
  const command = `trap '' XFSZ; ulimit -f 50; exec "$0" "$@"`;
  const { status, stdout } = spawnSync('bash', ['-c', command, process.execPath, writer, folder], {
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  const [path] = eventFiles(folder);
  assert.match(
    stdout,
    /^WriteError: .*tfevents.*: cannot be written to \(file too large\)\. What it holds is whole; .*\n$/,
  );
  // Each record is 3 KiB, so the limit falls within one: none of it is left.
  const records = [...readRecords(path!)];
  assert.ok(records.length > 10, `${records.length} records in ${basename(path!)}`);
  assert.ok(statSync(path!).size < 50 * 1024);
});
