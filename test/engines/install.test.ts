import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readExtra } from '../../src/engines/pypi.ts';
import { World, whyNoInstall } from './standIn/world.ts';

const skip = whyNoInstall();
let world: World;
before(async () => {
  if (skip !== false) return;
  world = new World();
  await world.open();
});
after(() => {
  if (skip === false) world.close();
});

const homeOf = (name: string) => join(world.homes, name);
const packageOf = (name: string) =>
  join(homeOf(name), 'engine', 'node_modules', '@tensorflow', 'tfjs-node-gpu');
const manifestOf = (name: string) =>
  JSON.parse(readFileSync(join(homeOf(name), 'engine', 'engine.json'), 'utf8')) as unknown;

/** Installs an engine that several tests look at, unless one of them has. */
async function expectInstalled(name: string, ...flags: readonly string[]): Promise<void> {
  if (existsSync(join(homeOf(name), 'engine'))) return;
  const { status, stderr } = await world.run(name, ['install', ...flags]).outcome;
  assert.equal(status, 0, stderr);
}

/** The wheels that were downloaded since the last question. */
const wheelsAskedFor = () =>
  world.downloads
    .splice(0)
    .filter((file) => file.endsWith('.whl'))
    .sort();

test('the extra of a wheel is read with its further conditions', () => {
  const metadata = [
    'Name: tensorflow',
    'Requires-Dist: numpy>=1.26.0',
    'Requires-Dist: nvidia-nccl-cu12<3.0,>=2.27.7; extra == "and-cuda"',
    "Requires-Dist: nvidia-cudnn-cu12 (==9.3) ; platform_system == 'Linux' and extra == 'and-cuda'",
    'Requires-Dist: other; extra == "and-cuda-too"',
    '',
    'Requires-Dist is a field; extra == "and-cuda" selects',
  ].join('\r\n');
  assert.deepEqual(readExtra(metadata, 'and-cuda'), [
    'nvidia-nccl-cu12<3.0,>=2.27.7',
    `nvidia-cudnn-cu12 (==9.3) ; platform_system == 'Linux' and python_version >= "3"`,
  ]);
});

test('installs the CPU wheel alone, and again over itself', { skip }, async () => {
  for (const _ of ['first', 'again']) {
    const { status, stdout, stderr } = await world.run('cpu', ['install']).outcome;
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `Installed tensorflow 2.99.0 (CPU) in ${join(homeOf('cpu'), 'engine')}\n`);
    assert.match(stderr, /^npm: @tensorflow\/tfjs-node-gpu@4\.22\.0$/m);
    assert.match(stderr, /^pip: done in [\d.]+ s; \d+ MB so far$/m);
    assert.deepEqual(wheelsAskedFor(), ['tensorflow_cpu-2.99.0-py3-none-any.whl']);
    assert.deepEqual(readdirSync(homeOf('cpu')), ['engine']);
    assert.deepEqual(manifestOf('cpu'), {
      source: 'pypi',
      wheels: ['tensorflow_cpu-2.99.0'],
      name: 'tensorflow 2.99.0 (CPU)',
    });
  }
  assert.deepEqual(readdirSync(join(packageOf('cpu'), 'deps', 'lib')).sort(), [
    'libtensorflow_cc.so.2',
    'libtensorflow_framework.so.2',
  ]);
  const { status, stdout } = await world.run('cpu', ['doctor']).outcome;
  assert.equal(status, 0);
  assert.match(stdout, /^Engine +tensorflow 2\.99\.0 \(CPU\)/);
  assert.match(stdout, /No problem found\.\n$/);
});

test('--cuda takes the wheels of the extra and puts their libraries on the way', {
  skip,
}, async () => {
  const { status, stdout, stderr } = await world.run('cuda', ['install', '--cuda']).outcome;
  assert.equal(status, 0, stderr);
  // The stand-in says GPU only when dlopen finds every library by its bare name.
  assert.match(stdout, /^Installed tensorflow 2\.99\.0 \(GPU.*\) in /);
  assert.deepEqual(wheelsAskedFor(), [
    'nvidia_cublas_cu12-12.9.1-py3-none-any.whl',
    'nvidia_cuda_nvcc_cu12-12.5.82-py3-none-any.whl',
    'nvidia_cuda_runtime_cu12-12.5.82-py3-none-any.whl',
    'nvidia_cudnn_cu12-9.3.0-py3-none-any.whl',
    'nvidia_cusolver_cu12-11.6.3-py3-none-any.whl',
    'tensorflow-2.99.0-py3-none-any.whl',
  ]);
  const deps = join(packageOf('cuda'), 'deps');
  assert.deepEqual(readdirSync(join(deps, 'nvidia')).sort(), [
    'cublas',
    'cuda_nvcc',
    'cuda_runtime',
    'cudnn',
    'cusolver',
  ]);
  // TensorFlow looks for NVIDIA's compiler here, as seen from its own library.
  assert.ok(existsSync(join(deps, 'lib', '..', 'nvidia', 'cuda_nvcc', 'bin', 'ptxas')));
  const doctor = await world.run('cuda', ['doctor']).outcome;
  assert.match(doctor.stdout, /^GPUs of TensorFlow +NVIDIA Stand-In$/m);
});

test('doctor names missing CUDA libraries and how to get them', { skip }, async () => {
  const bin = join(world.folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nvidia-smi'), '#!/bin/sh\necho NVIDIA H100\n', { mode: 0o755 });
  const PATH = `${bin}:${process.env['PATH'] ?? ''}`;
  await expectInstalled('cuda', '--cuda');
  const doctor = async (env: Record<string, string> = {}) =>
    (await world.run('cuda', ['doctor'], { PATH, ...env }).outcome).stdout;

  assert.match(await doctor(), /No problem found/);
  const nvidia = join(packageOf('cuda'), 'deps', 'nvidia');
  writeFileSync(join(nvidia, 'cudnn', 'lib', 'libcudnn.so.9'), 'no library'.repeat(100));
  assert.match(
    await doctor(),
    /Problem: the driver sees 1 GPU\(s\), TensorFlow 0; .*libcudnn\.so\.9 does not load: .*invalid ELF header\n +Fix: losslens engine install --cuda\n/,
  );
  rmSync(join(nvidia, 'cudnn'), { recursive: true });
  rmSync(join(nvidia, 'cuda_runtime'), { recursive: true });
  assert.match(
    await doctor(),
    /CUDA libraries are missing: libcudart\.so\.12, libcudnn\.so\.9\n +Fix: losslens engine install --cuda\n/,
  );
  assert.match(
    await doctor({ CUDA_VISIBLE_DEVICES: '-1' }),
    /CUDA_VISIBLE_DEVICES is "-1"\n +Fix: unset CUDA_VISIBLE_DEVICES\n/,
  );

  assert.equal((await world.run('cuda', ['install']).outcome).status, 0);
  assert.match(
    await doctor(),
    /this TensorFlow is built for the CPU\n +Fix: losslens engine install --cuda\n/,
  );
  writeFileSync(join(bin, 'nvidia-smi'), '#!/bin/sh\necho Driver/library mismatch >&2\nexit 18\n');
  assert.match(await doctor(), /driver does not answer: Driver\/library mismatch\n +Fix: restart/);
});

test('takes the wheel for another Python where the own one has none', { skip }, async () => {
  wheelsAskedFor();
  world.retagCpuWheel('py312-none-any');
  try {
    const { status, stderr } = await world.run('python', ['install', '--from=pypi']).outcome;
    assert.equal(status, 0, stderr);
    assert.deepEqual(wheelsAskedFor(), ['tensorflow_cpu-2.99.0-py312-none-any.whl']);
  } finally {
    world.retagCpuWheel('py3-none-any');
  }
});

test('--from=DIR links to a TensorFlow that stays where it is', { skip }, async () => {
  const site = join(world.folder, 'venv', 'lib', 'python3.12', 'site-packages');
  cpSync(join(world.folder, 'cpu'), site, { recursive: true });
  const args = ['install', `--from=${join(world.folder, 'venv')}`];
  const { status, stderr } = await world.run('folder', args).outcome;
  assert.equal(status, 0, stderr);
  assert.deepEqual(wheelsAskedFor(), []);
  assert.equal(
    realpathSync(join(packageOf('folder'), 'deps', 'lib', 'libtensorflow_cc.so.2')),
    realpathSync(join(site, 'tensorflow', 'libtensorflow_cc.so.2')),
  );

  rmSync(join(world.folder, 'venv'), { recursive: true });
  const doctor = await world.run('folder', ['doctor']).outcome;
  assert.match(doctor.stdout, /Problem: .*libtensorflow\w+\.so\.2: cannot open shared object file/);
  assert.match(doctor.stdout, /Fix: losslens engine install\n/);
});

test('falls back to the script of the package, and says why', { skip }, async () => {
  const args = ['install'];
  const without = await world.run('official', args, { CXX: 'no-such-compiler' }).outcome;
  assert.equal(without.status, 1);
  assert.match(without.stderr, /^compiler: got no-such-compiler: not found; .*apt install g\+\+/m);
  assert.match(without.stderr, /^official: got .*Error: the stand-in has no network; /m);
  assert.deepEqual(readdirSync(homeOf('official')), []);

  await expectInstalled('cpu');
  const env = { CXX: 'no-such-compiler', STAND_IN_OFFICIAL: packageOf('cpu') };
  assert.equal((await world.run('official', args, env).outcome).status, 0);
  assert.deepEqual(manifestOf('official'), {
    source: 'official',
    wheels: [],
    name: 'tensorflow 2.99.0 (CPU)',
  });
});

test('an install that is stopped or killed leaves the engine that was there', {
  skip,
}, async () => {
  const started = async () => {
    let begun = () => {};
    const isAtDownload = new Promise<void>((resolve) => {
      begun = resolve;
    });
    world.onHeldDownload = { file: /^tensorflow_cpu/, begun };
    const run = world.run('stopped', ['install']);
    await isAtDownload;
    world.onHeldDownload = undefined;
    return run;
  };
  const first = await started();
  first.kill('SIGINT');
  const { status, stderr } = await first.outcome;
  assert.equal(status, 1);
  assert.match(stderr, /interrupted; nothing has changed/);
  assert.doesNotMatch(stderr, /official/);
  assert.deepEqual(readdirSync(homeOf('stopped')), []);

  assert.equal((await world.run('stopped', ['install']).outcome).status, 0);
  const before = manifestOf('stopped');
  const second = await started();
  second.kill('SIGKILL');
  assert.equal((await second.outcome).signal, 'SIGKILL');
  assert.match(readdirSync(homeOf('stopped')).join(), /^engine,engine\.partial-\d+$/);
  assert.deepEqual(manifestOf('stopped'), before);
  assert.equal((await world.run('stopped', ['doctor']).outcome).status, 0);

  assert.equal((await world.run('stopped', ['install']).outcome).status, 0);
  assert.deepEqual(readdirSync(homeOf('stopped')), ['engine']);
});

test('an engine that runs no graph is not put in place', { skip }, async () => {
  const broken = join(world.folder, 'broken');
  cpSync(join(world.folder, 'cpu'), broken, { recursive: true });
  writeFileSync(join(broken, 'tensorflow', 'libtensorflow_framework.so.2'), '');
  await expectInstalled('cpu');
  const before = manifestOf('cpu');
  const { status } = await world.run('cpu', ['install', `--from=${broken}`]).outcome;
  assert.equal(status, 1);
  assert.deepEqual(manifestOf('cpu'), before);
});

test('a wrong source is a usage error', { skip }, async () => {
  const refuse = async (flags: string[], message: RegExp) => {
    const { status, stderr } = await world.run('none', ['install', ...flags]).outcome;
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  };
  await refuse(['--from=nix'], /--from: got "nix"; expected pypi, official or a folder/);
  await refuse([`--from=${world.folder}`], /without libtensorflow and its C headers/);
  await refuse(['--cuda', '--from=official'], /--cuda: got --from=official/);
});

test('a home that cannot be written is named', { skip }, async () => {
  writeFileSync(homeOf('file'), '');
  const { status, stderr } = await world.run('file', ['install']).outcome;
  assert.equal(status, 1);
  assert.match(stderr, /cannot write into .*file .*Set LOSSLENS_HOME/);
});
