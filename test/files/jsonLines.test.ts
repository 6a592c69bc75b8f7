import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { appendJsonLines, dropLinesAfter, readJsonLines } from '../../src/files/jsonLines.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();

test('records are a line each, and those of steps that are done again are dropped', async () => {
  const path = join(folder, 'records.jsonl');
  await appendJsonLines(path, [{ step: 1 }, { step: 2 }]);
  await appendJsonLines(path, []);
  await appendJsonLines(path, [{ step: 3, text: 'ü\n' }]);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n{"step":3,"text":"ü\\n"}\n');
  await dropLinesAfter(path, 2);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n');
});

test('a line that a crash tore goes, too', async () => {
  const path = join(folder, 'torn.jsonl');
  writeFileSync(path, '{"step":1}\n{"step":2,"lab');
  await dropLinesAfter(path, 5);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n');
});

test('a file that is not there stays so', async () => {
  const path = join(folder, 'none.jsonl');
  await dropLinesAfter(path, 0);
  assert.equal(existsSync(path), false);
});

test('a last line that only lacks its end stays, and a torn one in the middle goes', async () => {
  const path = join(folder, 'mended.jsonl');
  writeFileSync(path, '{"step":1}\n{"st{"step":3}\n\n{"step":9}\n{"step":2,"text":"ü"}');
  await dropLinesAfter(path, 5);
  assert.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2,"text":"ü"}\n');
  const records: unknown[] = [];
  for await (const record of readJsonLines(path)) records.push(record);
  assert.deepEqual(records, [{ step: 1 }, { step: 2, text: 'ü' }]);
});

test('a file whose records are all done again becomes empty, and one that fits is not touched', async () => {
  const path = join(folder, 'all.jsonl');
  await appendJsonLines(path, [{ step: 3 }, { step: 4 }]);
  const { mtimeMs } = statSync(path);
  await dropLinesAfter(path, 4);
  assert.equal(statSync(path).mtimeMs, mtimeMs);
  await dropLinesAfter(path, 2);
  assert.equal(readFileSync(path, 'utf8'), '');
});

test('a copy by a hard link keeps all of its lines, and gets none', async () => {
  for (const step of [2, 1, 0]) {
    const path = join(folder, `linked-${step}.jsonl`);
    const copy = `${path}.copy`;
    await appendJsonLines(path, [{ step: 1 }, { step: 2 }]);
    linkSync(path, copy);
    await dropLinesAfter(path, step);
    await appendJsonLines(path, [{ step: 3 }]);
    const kept = ['{"step":1}\n', '{"step":2}\n'].slice(0, step).join('');
    assert.equal(readFileSync(path, 'utf8'), `${kept}{"step":3}\n`);
    assert.equal(readFileSync(copy, 'utf8'), '{"step":1}\n{"step":2}\n');
  }
});

const module = new URL('../../src/files/jsonLines.js', import.meta.url).href;

/** Runs statements with the functions of the module in a process that is started by a command. */
function runIn(command: string, statements: string) {
  const program = `import { appendJsonLines, dropLinesAfter } from ${JSON.stringify(module)}; ${statements}`;
  return spawnSync(
    'bash',
    ['-c', command, process.execPath, '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  );
}

test('lines that do not fit on the disk are not there at all', () => {
  const path = join(folder, 'full.jsonl');
  const append = `appendJsonLines(${JSON.stringify(path)}, Array(9).fill({ step: 1, text: 'x'.repeat(99) }))`;
  const { status, stderr } = runIn(
    `trap '' XFSZ; ulimit -f 2; exec "$0" "$@"`,
    `await ${append}; await ${append}.catch(({ message }) => console.error(message));
     await ${append}.catch(() => process.exit(7));`,
  );
  assert.equal(status, 7, stderr);
  assert.match(stderr, /full\.jsonl: cannot be written to \(/);
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.equal(lines.pop(), '');
  assert.equal(lines.length, 9);
  for (const line of lines) assert.equal(JSON.parse(line).step, 1);
});

const device = '/dev/full';
const skipFull = !existsSync(device) && `there is no ${device}`;

test('what is said is why it was not written, whatever fails after that', {
  skip: skipFull,
}, async () => {
  // It cannot be cut back.
  await assert.rejects(appendJsonLines(device, [{ step: 1 }]), {
    message: `${device}: cannot be written to (no space left on device).`,
  });
});

test('a file that is larger than the memory is cut', () => {
  const path = join(folder, 'large.jsonl');
  const text = 'x'.repeat(4000);
  const lineOf = (_: unknown, step: number) => `{"step":${step},"text":"${text}"}\n`;
  writeFileSync(path, Array.from({ length: 10_000 }, lineOf).join(''));
  const { status, stderr } = runIn(
    `exec "$0" --max-old-space-size=16 "$@"`,
    `await dropLinesAfter(${JSON.stringify(path)}, 9000);`,
  );
  assert.equal(status, 0, stderr);
  const kept = readFileSync(path, 'utf8');
  assert.equal(kept, Array.from({ length: 9001 }, lineOf).join(''));
});
