/**
 * Runs all tests as `node --test` does, with one Python for those that ask it: `npm test`; with
 * `npm test -- TEXT` those files whose names hold the text. dist/skipped-tests.txt then names each
 * test that was skipped, with the reason.
 *
 * Stacks name lines of dist/, as each process would take 0.1 s to read the source maps: for lines of the
 * sources, `node --enable-source-maps dist/test/FILE.test.js`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { packageRoot } from '../src/packageRoot.ts';
import { python, skipWithoutPython } from './python.ts';

/** What the scripts of test/python import, all of it. */
const modules = [
  ...['numpy', 'tensorflow', 'tensorboard.backend.event_processing.event_accumulator'],
  ...['tensorboard.plugins.hparams.metadata', 'tensorboard.plugins.pr_curve.summary'],
];

/** Starts test/python/server.py, for tests to find in their environment. */
function startPython(socket: string): ChildProcess {
  const server = spawn(python, [join(packageRoot, 'test/python/server.py'), socket, ...modules], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let messages = '';
  server.stderr.on('data', (text) => {
    messages += text;
  });
  server.on('exit', (code) => {
    if (code !== 0) console.error(`${python} for the tests ended: ${messages}`);
  });
  process.env['LOSSLENS_PYTHON_SERVER'] = socket;
  return server;
}

/** What takes longest, by how its name begins: begun late, it would go on when all else is done. */
const longest = [
  ...[
    'engines/install',
    'tensorboard/browser',
    'training/cluster',
    'reliability/kills',
    'tensorboard/',
  ],
  ...[
    'reliability/',
    'inspection/verification',
    'review/review',
    'nets/slim',
    'commands/',
    'training/',
  ],
  ...['engines/', 'nets/', 'model/', 'weights/', 'fuzz/', 'insitu/'],
];

/**
 * The compiled test files whose names hold a text, in the order in which they begin. Their sources are
 * listed: dist/ also keeps those of tests that are gone.
 */
function testFiles(text: string): string[] {
  const rankOf = (name: string) => {
    const rank = longest.findIndex((beginning) => name.startsWith(beginning));
    return rank < 0 ? longest.length : rank;
  };
  return readdirSync(join(packageRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && name.includes(text))
    .sort((a, b) => rankOf(a) - rankOf(b))
    .map((name) => join(packageRoot, 'dist/test', name.replace(/ts$/, 'js')));
}

// Whatever started them: what nohup starts does not hear of its terminal.
delete process.env['_'];

// What tests ask servers of this machine goes through no proxy of the environment.
const exempt = process.env['no_proxy'] || process.env['NO_PROXY'];
process.env['no_proxy'] = [...(exempt ? [exempt] : []), '127.0.0.1', 'localhost'].join();

const folder = mkdtempSync(join(tmpdir(), 'losslens-tests-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const socket = join(folder, 'python');
// TensorFlow survives a fork on Linux alone, where the path of a socket has up to 107 bytes.
const canServe =
  process.platform === 'linux' &&
  Buffer.byteLength(socket) <= 107 &&
  skipWithoutPython('tensorflow', 'tensorboard') === false;
const server = canServe ? startPython(socket) : null;
const skipped: string[] = [];
// Twice the processor cores of a small machine: many files wait for other programs.
run({ files: testFiles(process.argv[2] ?? ''), concurrency: 4 })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .on('test:pass', ({ name, skip }) => {
    if (skip !== undefined) skipped.push(`${name}: ${skip}\n`);
  })
  .compose(process.stdout.isTTY ? new spec() : tap)
  .on('end', () => {
    writeFileSync(join(packageRoot, 'dist/skipped-tests.txt'), skipped.join(''));
    server?.stdin?.end();
  })
  .pipe(process.stdout);
