import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from 'tar';
import { downloadDataset } from '../../../datasets/download/download.ts';
import { UserError } from '../../../src/errors.ts';
import { downloadFile } from '../../../src/files/downloadFile.ts';
import { losslens } from '../../losslens.ts';
import { setDisk } from '../../reliability/faultyDisk.ts';
import { type Handler, sendPart, serve } from '../../server.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

const content = randomBytes(300_000);
/** Of those that never answer; a busy machine takes a while for those that do. */
const shortMs = 1000;
const patientMs = 20_000;

function expected(bytes: Buffer) {
  return { bytes: bytes.length, md5: createHash('md5').update(bytes).digest('hex') };
}

const good: Handler = (request, response) => sendPart(content, request, response);
const goodWhole: Handler = (_, response) => response.end(content);

async function download(
  t: TestContext,
  urls: readonly string[],
  part?: Buffer,
  timeoutMs = patientMs,
) {
  const path = join(await temporaryFolder(t), 'file');
  if (part !== undefined) await writeFile(`${path}.part`, part);
  const progress: number[] = [];
  const onProgress = (bytes: number) => progress.push(bytes);
  await downloadFile({ ...expected(content), urls, path, timeoutMs, onProgress });
  assert.ok((await readFile(path)).equals(content));
  assert.deepEqual(await readdir(join(path, '..')), ['file']);
  assert.equal(progress.at(-1), content.length);
}

test('takes a whole file, by its length or until the connection ends', async (t) => {
  const { base } = await serve(t, {
    '/part': good,
    '/whole': goodWhole,
    '/chunked': (_, response) => {
      response.write(content.subarray(0, 1000));
      response.end(content.subarray(1000));
    },
  });
  for (const path of ['part', 'whole', 'chunked']) await download(t, [`${base}/${path}`]);
});

test('goes on where the connection broke off', async (t) => {
  const { base, requests } = await serve(t, {
    '/file': (request, response) => {
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')![1]);
      sendPart(content, request, response, start < 200_000 ? start + 100_000 : undefined);
    },
  });
  await download(t, [`${base}/file`]);
  assert.equal(requests.length, 3);
  assert.deepEqual(
    requests.map((request) => Number(/bytes=(\d+)/.exec(request)![1]) > 0),
    [false, true, true],
  );
});

test('goes on with what an earlier call left, or starts again where no parts are given', async (t) => {
  const { base, requests } = await serve(t, { '/file': good, '/whole': goodWhole });
  await download(t, [`${base}/file`], content.subarray(0, 1234));
  assert.deepEqual(requests, ['/file bytes=1234-']);
  await download(t, [`${base}/whole`], content.subarray(0, 1234));
});

test('a part that belongs to another file, or is too long, is thrown away', async (t) => {
  const { base, requests } = await serve(t, { '/file': good });
  await download(t, [`${base}/file`], Buffer.alloc(1234));
  assert.deepEqual(requests, ['/file bytes=1234-', '/file bytes=0-']);
  await download(t, [`${base}/file`], Buffer.alloc(content.length));
  await download(t, [`${base}/file`], Buffer.alloc(content.length + 1));
});

const failures: Readonly<Record<string, [handler: Handler, reason: RegExp]>> = {
  'refuses (403)': [(_, response) => response.writeHead(403).end('no'), /got status 403/],
  'has another length': [
    (_, response) => response.writeHead(200, { 'content-length': 5 }).end('short'),
    /got 5 bytes; expected 300000/,
  ],
  'sends more than it should': [
    (_, response) => {
      response.write(content);
      response.end('more');
    },
    /got more than 300000 bytes/,
  ],
  'promises more than it sends, again and again': [
    (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 10), () => response.destroy());
    },
    /broke off after \d+ of 300000 bytes/,
  ],
  'sends other bytes': [
    (_, response) => response.end(Buffer.alloc(content.length)),
    /got other bytes: their MD5 is [0-9a-f]{32}; expected/,
  ],
  'gives another part than asked for': [
    (_, response) =>
      response.writeHead(206, { 'content-range': 'bytes 7-299999/300000' }).end(content),
    /got a part from byte 7; asked for byte 0/,
  ],
  'redirects in a loop': [
    (_, response) => response.writeHead(302, { location: '/bad' }).end(),
    /redirect count exceeded/,
  ],
  'never answers': [() => {}, /got nothing for 1 s/],
  'stalls in the middle': [
    (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000));
    },
    /got nothing for 1 s/,
  ],
  'ends the connection at once': [
    (request) => request.socket.destroy(),
    /other side closed|socket/,
  ],
};

for (const [what, [handler, reason]] of Object.entries(failures)) {
  test(`an address that ${what} is said, and the next one is taken`, async (t) => {
    const { base } = await serve(t, { '/bad': handler, '/good': good });
    await download(t, [`${base}/bad`, `${base}/good`], undefined, shortMs);
    await assert.rejects(download(t, [`${base}/bad`], undefined, shortMs), (error) => {
      assert.ok(error instanceof UserError, `${error}`);
      assert.match(error.message, reason);
      assert.match(error.message, /\/bad /);
      return true;
    });
  });
}

test('follows redirects', async (t) => {
  const { base } = await serve(t, {
    '/from': (_, response) => response.writeHead(302, { location: '/to' }).end(),
    '/to': good,
  });
  await download(t, [`${base}/from`]);
});

test('an address that nobody listens at is said', async (t) => {
  await assert.rejects(
    download(t, ['http://127.0.0.1:9/file']),
    /http:\/\/127\.0\.0\.1:9\/file \S+/,
  );
});

/** An archive like that of CIFAR-10, with a file that is not wanted and what `more` adds. */
async function cifarArchive(
  t: TestContext,
  more: (folder: string) => Promise<readonly string[]> = async () => [],
  leaveOut?: string,
): Promise<Buffer> {
  const folder = await temporaryFolder(t);
  const name = 'cifar-10-batches-bin';
  await mkdir(join(folder, name));
  const files = [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin'];
  for (const file of [...files, 'batches.meta.txt', 'readme.html']) {
    if (file !== leaveOut) await writeFile(join(folder, name, file), file);
  }
  await writeFile(join(folder, 'outside'), 'not wanted');
  await create(
    { file: join(folder, 'made.tar.gz'), gzip: true, cwd: folder, preservePaths: true },
    [...(await more(folder)), name],
  );
  return readFile(join(folder, 'made.tar.gz'));
}

/** Downloads such an archive into an empty folder. */
async function downloadCifar(
  t: TestContext,
  archive: Buffer,
  folder: string,
  handler: Handler = (request, response) => sendPart(archive, request, response),
) {
  const file = 'cifar-10-binary.tar.gz';
  const { base } = await serve(t, { [`/${file}`]: handler });
  const files = { [file]: expected(archive) };
  return downloadDataset('cifar10', { folder, baseUrl: base, timeoutMs: patientMs, files });
}

test('of files that are there each is read once, and the others are downloaded', async (t) => {
  const folder = await temporaryFolder(t);
  const { base } = await serve(t, { '/missing': good });
  await writeFile(join(folder, 'there'), content);
  const read = t.mock.method(fs, 'createReadStream');
  syncBuiltinESMExports();
  t.after(() => {
    read.mock.restore();
    syncBuiltinESMExports();
  });
  const files = { there: expected(content), missing: expected(content) };
  const options = { folder, baseUrl: base, timeoutMs: patientMs, files };
  assert.deepEqual(await downloadDataset('mnist', options), ['missing']);
  const names = read.mock.calls.map(({ arguments: [path] }) => basename(String(path)));
  assert.deepEqual(names, ['there', 'missing.part']);
});

test('unpacks what is wanted of an archive, once', async (t) => {
  const folder = join(await temporaryFolder(t), 'made/here');
  const archive = await cifarArchive(t);
  assert.deepEqual(await downloadCifar(t, archive, folder), ['cifar-10-batches-bin']);
  assert.deepEqual(await readdir(folder), ['cifar-10-batches-bin']);
  const unpacked = await readdir(join(folder, 'cifar-10-batches-bin'));
  assert.equal(unpacked.length, 7);
  assert.ok(!unpacked.includes('readme.html'));
  assert.deepEqual(await downloadCifar(t, archive, folder), []);
});

test('a second process that downloads into a folder is refused, and the first is not disturbed', async (t) => {
  const folder = await temporaryFolder(t);
  const archive = await cifarArchive(t);
  let second = Promise.resolve<unknown>(undefined);
  const first = downloadCifar(t, archive, folder, (request, response) => {
    second = assert.rejects(
      downloadCifar(t, archive, folder),
      /^UserError: --output_dir: ".*" is in use by process .*\. Wait until that one has ended, /,
    );
    void second.finally(() => sendPart(archive, request, response)).catch(() => {});
  });
  assert.deepEqual(await first, ['cifar-10-batches-bin']);
  await second;
  assert.deepEqual(await readdir(folder), ['cifar-10-batches-bin']);
});

test('an archive that finds no room to be unpacked is kept, and not downloaded again', async (t) => {
  const folder = await temporaryFolder(t);
  const archive = await cifarArchive(t);
  t.after(() => setDisk({}));
  await setDisk({ troubles: [{ calls: ['writeSync'], code: 'ENOSPC' }] });
  await assert.rejects(
    downloadCifar(t, archive, folder),
    /^WriteError: .*cifar-10-binary\.tar\.gz: cannot be unpacked \(no space left on device\)\. Once that is mended, run it again: what was downloaded is kept\.$/,
  );
  await setDisk({});
  const unasked: Handler = (_, response) => response.writeHead(500).end();
  const added = await downloadCifar(t, archive, folder, unasked);
  assert.deepEqual(added, ['cifar-10-batches-bin']);
});

test('what a killed process has left of its unpacking is deleted', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'cifar-10-batches-bin.partial-1', 'deep'), { recursive: true });
  await downloadCifar(t, await cifarArchive(t), folder);
  assert.deepEqual(await readdir(folder), ['cifar-10-batches-bin']);
});

const evil: Readonly<Record<string, (folder: string) => Promise<string[]>>> = {
  'a path that goes up': async (folder) => [`../${basename(folder)}/outside`],
  'a path from the root': async (folder) => [join(folder, 'outside')],
  'a link': async (folder) => {
    await symlink('/etc/passwd', join(folder, 'link'));
    return ['link'];
  },
};
for (const [what, more] of Object.entries(evil)) {
  test(`an archive with ${what} is refused`, async (t) => {
    const folder = await temporaryFolder(t);
    const archive = await cifarArchive(t, more);
    await assert.rejects(
      downloadCifar(t, archive, folder),
      /cannot be unpacked \(it holds .*(outside|link), a link or a path that leads out of it\)\.$/,
    );
    assert.deepEqual(await readdir(folder), ['cifar-10-binary.tar.gz']);
  });
}

test('a file that an archive lacks is said', async (t) => {
  const folder = await temporaryFolder(t);
  const archive = await cifarArchive(t, undefined, 'data_batch_3.bin');
  await assert.rejects(
    downloadCifar(t, archive, folder),
    /cannot be unpacked \(cifar-10-batches-bin\/data_batch_3\.bin is missing\)/,
  );
  assert.deepEqual(await readdir(folder), ['cifar-10-binary.tar.gz']);
});

test('a folder that cannot be written to is said', async (t) => {
  const { base } = await serve(t, { '/file': good });
  const folder = await temporaryFolder(t);
  const options = {
    folder,
    baseUrl: base,
    timeoutMs: patientMs,
    files: { file: expected(content) },
  };
  await mkdir(join(folder, 'file.part'));
  await assert.rejects(
    downloadDataset('mnist', options),
    (error) =>
      error instanceof UserError && /file\.part: cannot be written to \(/.test(error.message),
  );
  await writeFile(join(folder, 'taken'), '');
  await assert.rejects(
    downloadDataset('mnist', { ...options, folder: join(folder, 'taken') }),
    /--output_dir: cannot write to ".*taken" \(/,
  );
});

test('the command says what went wrong, and takes another address', async (t) => {
  const { base } = await serve(t, {});
  const folder = await temporaryFolder(t);
  const args = ['data', 'download'];
  const run = await losslens([...args, 'mnist', `--output_dir=${folder}`, `--base_url=${base}`]);
  assert.equal(run.code, 1);
  assert.match(
    run.stderr,
    /train-images-idx3-ubyte\.gz: no address gives it: http.* got status 404/,
  );
  assert.equal((await losslens([...args, 'imagenet'])).code, 2);
  assert.equal((await losslens([...args, 'mnist'])).code, 2);
});
