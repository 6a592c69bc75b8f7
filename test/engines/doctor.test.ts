import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/packageRoot.ts';
import { losslens, temporaryFolder } from '../losslens.ts';

/** A home with an engine that ends the process which loads it. */
const home = temporaryFolder();
const engine = join(home, 'engine/node_modules/@tensorflow/tfjs-node-gpu');
mkdirSync(engine, { recursive: true });
writeFileSync(join(engine, 'index.js'), "process.kill(process.pid, 'SIGABRT');");

/** Has the rest of a command line run where /proc is empty. */
const withoutProc = ['-rm', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
const noMounts =
  spawnSync('unshare', [...withoutProc, 'true']).status !== 0 && 'nothing can be mounted here';

test('doctor names the engine that runs where TensorFlow crashes, and how to have it', async () => {
  const { code, stdout } = await losslens(['engine', 'doctor'], { LOSSLENS_HOME: home });
  assert.match(stdout, /^Engine +wasm .*: with --engine=wasm alone; TensorFlow crashed \(/);
  assert.match(stdout, /^Problem: crashed \(/m);
  assert.equal(code, 0);
});

test('doctor names a damaged record of what is installed, and examines the rest', async (t) => {
  const file = join(home, 'engine/engine.json');
  t.after(() => rmSync(file));
  for (const [content, what] of [
    ['{"source": "pypi", "whe', 'cannot be read ('],
    ['[1]', 'does not say what is installed.'],
  ] as const) {
    writeFileSync(file, content);
    const { code, stdout } = await losslens(['engine', 'doctor'], { LOSSLENS_HOME: home });
    assert.ok(stdout.includes(`\nProblem: ${file}: ${what}`), stdout);
    assert.match(stdout, /engine\.json: .*\n +Fix: losslens engine install\n/);
    assert.match(stdout, /^GPUs of TensorFlow /m);
    assert.equal(code, 0);
  }
});

test('without /proc, where TensorFlow would end the process, it is not loaded', {
  skip: noMounts,
}, () => {
  const program = [process.execPath, join(packageRoot, 'dist/bin/losslens.cjs')];
  const { status, stdout } = spawnSync(
    'unshare',
    [...withoutProc, ...program, 'engine', 'doctor'],
    {
      env: { ...process.env, LOSSLENS_HOME: home },
      encoding: 'utf8',
    },
  );
  assert.match(stdout, /^Engine +wasm .*; engine tensorflow: found no \/proc, /);
  assert.match(stdout, /^ +Fix: mount -t proc proc \/proc$/m);
  assert.equal(status, 0);
});
