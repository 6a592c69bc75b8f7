import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { UsageError } from '../../src/errors.ts';
import { checkpointPath, weightsFolder } from '../../src/weights/byName.ts';
import { temporaryFolder } from '../losslens.ts';

const { LOSSLENS_HOME } = process.env;
const cwd = process.cwd();
const base = temporaryFolder();
let tests = 0;
beforeEach(() => {
  const home = join(base, `home-${++tests}`);
  const work = join(base, `work-${tests}`);
  for (const folder of [home, work]) mkdirSync(folder);
  process.env['LOSSLENS_HOME'] = home;
  process.chdir(work);
});
after(() => {
  process.chdir(cwd);
  if (LOSSLENS_HOME === undefined) delete process.env['LOSSLENS_HOME'];
  else process.env['LOSSLENS_HOME'] = LOSSLENS_HOME;
});

function got(name: string): string {
  const folder = join(weightsFolder(), name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'weights.json'), '{}');
  return folder;
}

test('a name stands for the folder of the weights, once these were got', () => {
  assert.throws(() => checkpointPath('vgg_16', 'checkpoint_path'), UsageError);
  const folder = got('vgg_16');
  assert.equal(checkpointPath('vgg_16', 'checkpoint_path'), folder);
});

test('a path that exists wins, also that of a checkpoint by its prefix', () => {
  got('vgg_16');
  mkdirSync('vgg_16');
  assert.equal(checkpointPath('vgg_16', 'checkpoint_path'), 'vgg_16');
  writeFileSync('resnet50.index', '');
  assert.equal(checkpointPath('resnet50', 'checkpoint_path'), 'resnet50');
});

test('a name that is nearly one is refused, but where a folder is waited for', () => {
  const nearly = /got "resnet_v1_51"; .* such as resnet_v1_50, /;
  assert.throws(() => checkpointPath('resnet_v1_51', 'checkpoint_path'), nearly);
  assert.equal(checkpointPath('resnet_v1_51', 'checkpoint_path', true), 'resnet_v1_51');
});

test('what is like no name or has folders is left to who opens it', () => {
  for (const path of ['runs', './vgg_17', 'models/vgg_17']) {
    assert.equal(checkpointPath(path, 'checkpoint_path'), path);
  }
});
