import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/packageRoot.ts';
import { losslens, temporaryFolder } from '../losslens.ts';

const noteModules = pathToFileURL(join(packageRoot, 'dist/test/commands/loadedModules.js'));

/** What a command loads: the packages, and files of our own by their place in `dist`. */
async function loadedBy(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const file = join(temporaryFolder(), 'modules');
  const result = await losslens(args, {
    ...env,
    LOADED_MODULES: file,
    NODE_OPTIONS: `--import=${noteModules}`,
  });
  const modules = readFileSync(file, 'utf8').split('\n');
  const found = (pattern: RegExp) =>
    [...new Set(modules.map((module) => pattern.exec(module)?.[1] ?? ''))].filter(Boolean).sort();
  return {
    ...result,
    packages: found(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/),
    own: found(/\/dist\/((?:bin|src|datasets)\/.*)$/),
  };
}

/** Those of our own modules that work on data, graphs or runs, or belong to another command. */
function heavyOf(own: readonly string[]): string[] {
  const rooms = /^src\/(training|evaluation|inspection|inference|input|runFiles|checkpoint)\//;
  const engines = /^src\/engines\/(?!engineChoice|home|precision|distributed\/hosts)/;
  return own.filter((module) => rooms.test(module) || engines.test(module));
}

const light = ['commander', 'fastest-levenshtein'];

test('help loads no command', async () => {
  const { code, packages, own } = await loadedBy(['--help']);
  assert.equal(code, 0);
  assert.deepEqual(packages, light);
  assert.deepEqual(
    own.filter((module) => module.startsWith('src/commands/')),
    ['src/commands/commandLine.js', 'src/commands/commands.js'],
  );
  assert.deepEqual(heavyOf(own), []);
});

for (const args of [
  ['train', '--help'],
  ['train', '--learning_rat=1'],
  ['train', '--learning_rate=fast'],
  ['train', '--learning_rate=1', 'word'],
  ['train', '--gpu=0', '--engine=wasm'],
  ['evaluate', '--batch_size=0'],
  ['data', 'info', '--max_items_per_class=3'],
  ['data', 'convert', '--output_name=a/b'],
  ['export', '--help'],
  ['predict', '--top_k=x'],
]) {
  test(`${args.join(' ')} loads nothing but the flags`, async () => {
    const { code, packages, own } = await loadedBy(args);
    assert.equal(code, args.includes('--help') ? 0 : 2);
    assert.deepEqual(packages, light);
    assert.deepEqual(heavyOf(own), []);
  });
}

test('layers loads the graph, no package for it, and no other network', async () => {
  const { stdout, packages, own } = await loadedBy(['layers']);
  assert.match(stdout, /^lenet, images 28×28×1, 10 classes/);
  assert.ok(own.includes('src/graph/graph.js'));
  assert.ok(own.includes('src/nets/lenet.js'));
  assert.ok(!own.includes('src/nets/vgg.js'));
  assert.deepEqual(packages, light);
  assert.deepEqual(
    heavyOf(own).filter((module) => !/^src\/(inspection|input)\//.test(module)),
    [],
  );
});

test('what the commands load is noticed', async () => {
  const { packages, own } = await loadedBy(['data', 'info', '--dataset_name=phrases']);
  assert.ok(own.includes('datasets/builtIn/phrases.js'));
  assert.ok(packages.includes('cli-progress'), packages.join());
});

test('what asks web servers is loaded when something is asked', async () => {
  const ask = ['data', 'download', 'mnist', '--base_url=http://127.0.0.1:9'];
  const cases = [
    { args: [...ask, `--output_dir=${temporaryFolder()}`], isLoaded: true },
    { args: ['data', 'download', '--help'], isLoaded: false },
  ];
  for (const { args, isLoaded } of cases) {
    const { packages } = await loadedBy(args);
    assert.equal(packages.includes('undici'), isLoaded, args.join(' '));
  }
});
