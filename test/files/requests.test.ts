import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { downloadFile } from '../../src/files/downloadFile.ts';
import { proxyOf } from '../../src/files/requests.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { losslens, temporaryFolder } from '../losslens.ts';
import { certificate, serveProxy, serveTls } from '../proxy.ts';
import { type Handler, sendPart, serve } from '../server.ts';

const content = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');
const giveContent: Handler = (request, response) => sendPart(content, request, response);
/** As a password has it that is not to be seen in any message. */
const secret = 'p%40ss';
const credentials = 'me:p@ss';
const folder = temporaryFolder();

/** No proxy, whatever the environment of the tests has. */
const noProxies = Object.fromEntries(
  ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'].map((name) => [
    name,
    '',
  ]),
);

const messageOf = ({ message }: Error) => message;

/**
 * Downloads with the proxies that the environment names.
 *
 * @returns  the message where that fails, or nothing
 */
async function download(
  url: string,
  env: Readonly<Record<string, string>>,
  onProgress?: (bytes: number) => void,
): Promise<string> {
  const path = join(folder, randomBytes(8).toString('hex'));
  Object.assign(process.env, noProxies, env);
  const options = { urls: [url], path, timeoutMs: 20_000, sha256, onProgress };
  const message = await downloadFile(options).then(() => '', messageOf);
  if (message === '') assert.ok(readFileSync(path).equals(content));
  return message;
}

/** Downloads in a process of its own, which has to end by itself and to complain of nothing. */
async function downloadApart(
  url: string,
  env: Readonly<Record<string, string>>,
  timeoutMs = 20_000,
): Promise<string> {
  const path = join(folder, randomBytes(8).toString('hex'));
  const module = pathToFileURL(join(packageRoot, 'dist/src/files/downloadFile.js'));
  const options = JSON.stringify({ urls: [url], path, timeoutMs, sha256 });
  const script = `const { downloadFile } = await import('${module}');
    await downloadFile(${options}).catch(({ message }) => console.log(message));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, ...noProxies, NODE_EXTRA_CA_CERTS: certificate, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [message = '', complaints] = await Promise.all(
    [child.stdout, child.stderr].map(async (stream) => (await stream.toArray()).join('')),
  );
  assert.equal(complaints, '');
  if (message === '') assert.ok(readFileSync(path).equals(content));
  return message;
}

for (const [variable, prefix] of [
  ['HTTP_PROXY', 'http://'],
  ['http_proxy', ''],
] as const) {
  test(`what is not encrypted goes through the proxy of ${variable}, which need not begin with ${prefix || 'http://'}`, async (t) => {
    const { base, requests } = await serve(t, { '/file': giveContent });
    const { host, asked } = await serveProxy(t, { port: Number(new URL(base).port), credentials });
    const env = { [variable]: `${prefix}me:${secret}@${host}` };
    assert.equal(await download('http://files.test/file', env), '');
    assert.deepEqual(asked, ['GET http://files.test/file']);
    assert.equal(requests.length, 1);
  });
}

for (const variable of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY']) {
  test(`what is encrypted goes through a tunnel of the proxy of ${variable}`, async (t) => {
    const port = await serveTls(t, giveContent);
    const { host, asked } = await serveProxy(t, { port, credentials });
    const env = { [variable]: `http://me:${secret}@${host}` };
    assert.equal(await downloadApart('https://files.test/file', env), '');
    assert.deepEqual(asked, ['CONNECT files.test:443']);
  });
}

for (const scheme of ['http', 'https']) {
  test(`what is asked by ${scheme} goes through a proxy that is asked over TLS`, async (t) => {
    const port =
      scheme === 'https'
        ? await serveTls(t, giveContent)
        : Number(new URL((await serve(t, { '/file': giveContent })).base).port);
    const { host, asked } = await serveProxy(t, { port, credentials, isEncrypted: true });
    const env = { HTTP_PROXY: `https://me:${secret}@${host.replace('127.0.0.1', 'localhost')}` };
    assert.equal(await downloadApart(`${scheme}://files.test/file`, env), '');
    assert.deepEqual(asked, [`CONNECT files.test:${scheme === 'https' ? 443 : 80}`]);
  });
}

test('a certificate that nobody vouches for is refused through a proxy, too', async (t) => {
  const { host } = await serveProxy(t, { port: await serveTls(t, giveContent) });
  const env = { HTTPS_PROXY: `http://${host}`, NODE_EXTRA_CA_CERTS: '' };
  assert.match(await downloadApart('https://files.test/file', env), /self-signed certificate/);
});

test('what breaks off goes on through the proxy', async (t) => {
  let breakOff = () => {};
  const { base } = await serve(t, {
    '/file': (request, response) => {
      if (request.headers.range !== 'bytes=0-') return giveContent(request, response);
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 100_000));
      breakOff = () => response.destroy();
    },
  });
  const { host, asked } = await serveProxy(t, { port: Number(new URL(base).port) });
  const message = await download('http://files.test/file', { HTTP_PROXY: host }, (bytes) => {
    if (bytes > 0) breakOff();
  });
  assert.equal(message, '');
  assert.equal(asked.length, 2);
});

test('a connection that ends while bytes wait to be taken harms nothing', async (t) => {
  const { base } = await serve(t, {
    '/file': (_, response) => {
      response.writeHead(200, { 'content-length': content.length, connection: 'close' });
      response.end(content);
    },
  });
  for (let time = 0; time < 10; time++) assert.equal(await download(`${base}/file`, {}), '');
});

test('each address on the way of a redirect goes its own way, past the proxy for one in NO_PROXY', async (t) => {
  const { base, requests } = await serve(t, {
    '/from': (_, response) => response.writeHead(302, { location: `${base}/file` }).end(),
    '/file': giveContent,
  });
  const { host, asked } = await serveProxy(t, { port: Number(new URL(base).port) });
  const env = { HTTP_PROXY: `http://${host}`, NO_PROXY: '127.0.0.1' };
  assert.equal(await download('http://files.test/from', env), '');
  assert.deepEqual(asked, ['GET http://files.test/from']);
  assert.equal(requests.length, 2);
});

test('NO_PROXY names hosts, with what is below them, and ports', () => {
  const exempt = {
    'http://a.test/': [
      ...['a.test', 'A.TEST', 'b.test, .a.test', '*.test', 'a.test:80', 'b a.test', '*'],
    ],
    'http://mirror.a.test/': ['a.test', '.a.test', '*.a.test'],
    'https://a.test/': ['a.test:443'],
    'http://10.0.0.1:81/': ['10.0.0.1', '10.0.0.1:81'],
    'http://[::1]/': ['::1', '[::1]', '[::1]:80'],
  };
  const others = {
    'http://a.test/': ['', ',', 'b.test', 'mirror.a.test', 'a.test:81', 'a', 'a.test.b'],
    'http://ba.test/': ['a.test'],
    'https://a.test/': ['a.test:80'],
    'http://[::1]/': ['::2', '[::1]:81'],
    'http://10.0.0.1/': ['10.0.0.10'],
  };
  Object.assign(process.env, noProxies, { HTTP_PROXY: 'http://proxy:3128' });
  for (const lists of [exempt, others]) {
    for (const [address, each] of Object.entries(lists)) {
      for (const list of each) {
        process.env['NO_PROXY'] = list;
        assert.equal(proxyOf(address) === undefined, lists === exempt, `${address}, ${list}`);
      }
    }
  }
});

for (const [scheme, request] of [
  ['http', 'GET http://files.test/file'],
  ['https', 'CONNECT files.test:443'],
] as const) {
  const variable = `${scheme.toUpperCase()}_PROXY`;
  const url = `${scheme}://files.test/file`;

  test(`a proxy that takes no name and password for ${scheme} is said, without them`, async (t) => {
    const { host, asked } = await serveProxy(t, { port: 9, credentials: 'me:other' });
    const message = await download(url, { [variable]: `http://me:${secret}@${host}` });
    assert.ok(
      message.includes(
        `${url} (through the proxy http://${host} of ${variable}) the proxy refused with status 407: expected ` +
          'another name and password, as in http://NAME:PASSWORD@HOST:PORT',
      ),
      message,
    );
    assert.doesNotMatch(message, /p@ss|p%40ss|me:/);
    assert.deepEqual(asked, [`${request} 407`]);
  });

  test(`a proxy that refuses what is asked by ${scheme} is said`, async (t) => {
    const { host } = await serveProxy(t, { port: 9, refusal: 403 });
    const message = await download(url, { [variable]: host });
    const where = `${url} (through the proxy http://${host} of ${variable})`;
    assert.ok(message.includes(`${where} `), message);
    assert.match(message, /(got|refused with) status 403/);
  });

  test(`a proxy for ${scheme} that cannot be reached is said`, async () => {
    for (const host of ['127.0.0.1:9', 'localhost:9', 'proxy.invalid:3128']) {
      const message = await download(url, { [variable]: `http://me:${secret}@${host}` });
      const where = `${url} (through the proxy http://${host} of ${variable})`;
      assert.ok(message.includes(`${where} the proxy cannot be reached (`), message);
      assert.match(message, /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/);
      assert.doesNotMatch(message, /p@ss|p%40ss/);
    }
  });

  test(`a proxy for ${scheme} that never answers is given up`, async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sockets: { destroy(): void }[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
    const message = await downloadApart(url, { [variable]: host }, 300);
    assert.match(message, /\(through the proxy http:\/\/127\.0\.0\.1:\d+ of \w+\) got nothing for/);
  });
}

test('a variable that names no proxy is said without what it holds', async () => {
  for (const value of [
    'socks5://me:p@ss@proxy:1080',
    'http://me:p@ss#1@proxy:3128',
    'http://me:12#p@ss@proxy:3128',
    'http://me:p%ss@proxy:3128',
    'http://proxy:3128/path',
    'http://',
  ]) {
    const message = await download('http://files.test/file', { HTTP_PROXY: value });
    assert.match(message, /^HTTP_PROXY in the environment: names no proxy that losslens can use; /);
    assert.doesNotMatch(message, /p@ss|p%ss|12/);
  }
});

test('the command says in one line which proxy failed it', async () => {
  const run = await losslens(
    ['data', 'download', 'mnist', `--output_dir=${folder}/mnist`, '--base_url=http://files.test'],
    { ...noProxies, HTTP_PROXY: `http://me:${secret}@127.0.0.1:9` },
  );
  assert.equal(run.code, 1);
  assert.match(
    run.stderr,
    /^losslens: .*ubyte\.gz: no address gives it: http:\/\/files\.test\/\S+ \(through the proxy http:\/\/127\.0\.0\.1:9 of HTTP_PROXY\) the proxy cannot be reached \(connect ECONNREFUSED 127\.0\.0\.1:9\)\. .*\n$/,
  );
});
