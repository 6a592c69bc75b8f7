import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { installEngine } from '../../src/engines/install.ts';
import { readExtra } from '../../src/engines/pypi.ts';
import { UserError } from '../../src/errors.ts';
import { newer, pinned, World, whyNoInstall } from './standIn/world.ts';

const skip = whyNoInstall();
const version = pinned('tensorflow-cpu');
const cpuWheel = `tensorflow_cpu-${version}`;
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

test('installs the CPU wheel alone', { skip }, async () => {
  const { status, stdout, stderr } = await world.run('cpu', ['install']).outcome;
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout,
    `Installed tensorflow ${version} (CPU) in ${join(homeOf('cpu'), 'engine')}\n`,
  );
  assert.match(stderr, /^npm: @tensorflow\/tfjs-node-gpu@4\.22\.0$/m);
  assert.match(stderr, /^pip: done in [\d.]+ s; \d+ MB so far$/m);
  assert.deepEqual(wheelsAskedFor(), [`${cpuWheel}-py3-none-any.whl`]);
  assert.deepEqual(readdirSync(homeOf('cpu')), ['engine']);
  assert.deepEqual(manifestOf('cpu'), {
    source: 'pypi',
    wheels: [cpuWheel],
    name: `tensorflow ${version} (CPU)`,
  });
  assert.deepEqual(readdirSync(join(packageOf('cpu'), 'deps', 'lib')).sort(), [
    'libtensorflow_cc.so.2',
    'libtensorflow_framework.so.2',
  ]);
  const report = await world.run('cpu', ['doctor']).outcome;
  assert.equal(report.status, 0);
  assert.match(report.stdout, /^Engine +tensorflow [\d.]+ \(CPU\)/);
  assert.match(report.stdout, /No problem found\.\n$/);
});

const cudaWheels = (versionOf: (name: string) => string) =>
  ['cublas', 'cuda-nvcc', 'cuda-runtime', 'cudnn', 'cusolver']
    .map((library) => `nvidia-${library}-cu12`)
    .concat('tensorflow')
    .map((name) => `${name.replaceAll('-', '_')}-${versionOf(name)}-py3-none-any.whl`);

test('--cuda takes what training opens of the extra and puts the libraries on the way', {
  skip,
}, async () => {
  const { status, stdout, stderr } = await world.run('cuda', ['install', '--cuda']).outcome;
  assert.equal(status, 0, stderr);
  // The stand-in says GPU only when dlopen finds every library by its bare name.
  assert.match(stdout, /^Installed tensorflow [\d.]+ \(GPU\) in /);
  assert.match(stdout, /^GPU build +compiled with CUDA 12\.5\.1 and cuDNN 9 /m);
  assert.deepEqual(wheelsAskedFor(), cudaWheels(pinned));
  const deps = join(packageOf('cuda'), 'deps');
  assert.deepEqual(readdirSync(join(deps, 'nvidia')).sort(), [
    'cublas',
    'cuda_nvcc',
    'cuda_runtime',
    'cudnn',
    'cusolver',
  ]);
  const cusolver = join(deps, 'nvidia', 'cusolver');
  assert.deepEqual(readdirSync(cusolver), ['lib']);
  assert.deepEqual(readdirSync(join(cusolver, 'lib')), ['libcusolver.so.11']);
  // TensorFlow looks for NVIDIA's compiler here, as seen from its own library.
  assert.ok(existsSync(join(deps, 'lib', '..', 'nvidia', 'cuda_nvcc', 'bin', 'ptxas')));
});

/** An nvidia-smi of these lines, and what else `doctor` is to find. */
function machine(name: string, ...script: readonly string[]) {
  const bin = join(world.folder, 'bin', name);
  mkdirSync(bin, { recursive: true });
  const text = ['#!/bin/sh', ...script, ''].join('\n');
  writeFileSync(join(bin, 'nvidia-smi'), text, { mode: 0o755 });
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}`, LD_LIBRARY_PATH: world.driver };
}
const doctor = async (home: string, env: Readonly<Record<string, string>>) =>
  (await world.run(home, ['doctor'], env).outcome).stdout;

test('doctor names the GPU build, what it carries, the driver and each GPU', { skip }, async () => {
  await expectInstalled('cuda', '--cuda');
  const h100 = machine('h100', 'echo "NVIDIA H100, 81559 MiB, 9.0, 580.65.06"');
  const report = await doctor('cuda', h100);
  const carried = `CUDA ${pinned('nvidia-cuda-runtime-cu12')}, cuDNN ${pinned('nvidia-cudnn-cu12')}`;
  for (const line of [
    'GPU build +compiled with CUDA 12.5.1 and cuDNN 9 for compute capability 6.0 and newer; ' +
      `installed: ${carried}`,
    'NVIDIA driver +580.65.06',
    'GPUs of the driver +NVIDIA H100 .81559 MiB, compute capability 9.0.',
    'GPUs of TensorFlow +NVIDIA Stand-In',
    'No problem found.',
  ]) {
    assert.match(report, new RegExp(`^${line}$`, 'm'));
  }
  // Drivers before 470 know fewer fields.
  const field = 'Field "compute_cap" is not a valid field to query.';
  const old = machine(
    'old',
    `case "$1" in *compute_cap*) echo '${field}'; exit 2;; esac`,
    'echo K80',
  );
  assert.match(await doctor('cuda', old), /^GPUs of the driver +K80$/m);
});

test('doctor numbers several GPUs as --gpu counts them, and misses none that is left to others', {
  skip,
}, async () => {
  await expectInstalled('cuda', '--cuda');
  const two = machine(
    'two',
    'echo "NVIDIA A100, 40960 MiB, 8.0, 580.65.06"',
    'echo "NVIDIA H100, 81559 MiB, 9.0, 580.65.06"',
  );
  const report = await doctor('cuda', { ...two, CUDA_VISIBLE_DEVICES: '1' });
  for (const line of [
    'Engine +tensorflow [\\d.]+ .GPU: NVIDIA H100.: the fastest that works here',
    'GPUs of the driver +0: NVIDIA A100 .40960 MiB, .*, 1: NVIDIA H100 .81559 MiB, .*',
    'No problem found.',
  ]) {
    assert.match(report, new RegExp(`^${line}$`, 'm'));
  }
  assert.match(await doctor('cuda', two), /Problem: the driver sees 2 GPU\(s\), TensorFlow 1\n/);
});

test('doctor names a driver that does not load, is too old or broken, and a GPU too old', {
  skip,
}, async () => {
  await expectInstalled('cuda', '--cuda');
  const noDriver = join(world.folder, 'no-driver');
  mkdirSync(noDriver);
  writeFileSync(join(noDriver, 'libcuda.so.1'), 'no library'.repeat(100));
  assert.match(
    await doctor('cuda', { ...machine('none', 'echo H100'), LD_LIBRARY_PATH: noDriver }),
    /Problem: this is TensorFlow's GPU build, and .*libcuda\.so\.1: invalid ELF header\n +Fix: install NVIDIA's driver, 525\.60\.13 or newer; or, for the CPU alone: losslens engine install\n/,
  );
  const old = machine('older', 'echo "GTX 980, 4096 MiB, 5.2, 525.9.100"');
  const report = await doctor('cuda', old);
  assert.match(
    report,
    /Problem: the NVIDIA driver is 525\.9\.100; CUDA 12\.5\.1 takes 525\.60\.13/,
  );
  assert.match(report, /Problem: GTX 980 \(4096 MiB, .* 5\.2\): .* compiled for 6\.0 or newer\n/);
  for (const stream of ['1', '2']) {
    const broken = machine('broken', `echo Driver/library mismatch >&${stream}`, 'exit 18');
    assert.match(
      await doctor('cuda', broken),
      /driver does not answer: nvidia-smi \(exit code 18\): Driver\/library mismatch\n +Fix: restart/,
    );
  }
});

test('a driver that hangs, and cannot even be killed, holds nobody up', { skip }, async (t) => {
  await expectInstalled('cpu');
  // What has a session of its own outlives the signal, and holds the pipe.
  const file = join(world.folder, 'hanging.pid');
  const hanging = machine('hanging', 'setsid sleep 120 &', `echo $! > ${file}`, 'wait');
  const start = performance.now();
  const report = await doctor('cpu', hanging);
  t.after(() => process.kill(Number(readFileSync(file, 'utf8'))));
  assert.match(report, /driver does not answer: nvidia-smi: no answer within 5 s\n/);
  assert.ok(performance.now() - start < 60_000);
});

test('doctor names missing CUDA libraries and how to get them', { skip }, async () => {
  await expectInstalled('cuda', '--cuda');
  const env = machine('libraries', 'echo "NVIDIA H100, 81559 MiB, 9.0, 580.65.06"');
  const nvidia = join(packageOf('cuda'), 'deps', 'nvidia');
  writeFileSync(join(nvidia, 'cudnn', 'lib', 'libcudnn.so.9'), 'no library'.repeat(100));
  assert.match(
    await doctor('cuda', env),
    /Problem: .*libcudnn\.so\.9 does not load: .*invalid ELF header\n +Fix: losslens engine install --cuda\n/,
  );
  rmSync(join(nvidia, 'cudnn'), { recursive: true });
  rmSync(join(nvidia, 'cuda_runtime'), { recursive: true });
  assert.match(
    await doctor('cuda', env),
    /the driver sees 1 GPU\(s\), TensorFlow 0; CUDA libraries are missing: libcudart\.so\.12, libcudnn\.so\.9\n +Fix: losslens engine install --cuda\n/,
  );
  assert.match(
    await doctor('cuda', { ...env, CUDA_VISIBLE_DEVICES: '-1' }),
    /CUDA_VISIBLE_DEVICES is "-1"\n +Fix: unset CUDA_VISIBLE_DEVICES\n/,
  );
  await expectInstalled('cpu');
  assert.match(
    await doctor('cpu', env),
    /this TensorFlow is built for the CPU\n +Fix: losslens engine install --cuda\n/,
  );
});

test('doctor names a folder for temporary files that is not there', { skip }, async () => {
  await expectInstalled('cpu');
  assert.match(
    await doctor('cpu', { TMPDIR: join(world.folder, 'none') }),
    /Problem: .*cannot write the graph below .*none \(no such file or folder\); .*\n +Fix: name another one in the environment variable TMPDIR\n/,
  );
});

test("a GPU build that finds no GPU's libraries says that it is one", { skip }, async () => {
  const from = `--from=${join(world.folder, 'gpu')}`;
  const { status, stdout } = await world.run('gpu-alone', ['install', from]).outcome;
  assert.equal(status, 0);
  assert.match(stdout, /^Installed tensorflow [\d.]+ \(GPU build, on the CPU\) in /);
});

test('--latest takes the newest versions, within what TensorFlow asks for, and all of them', {
  skip,
}, async () => {
  wheelsAskedFor();
  const { stdout, stderr } = await world.run('latest', ['install', '--latest', '--cuda']).outcome;
  assert.match(stdout, /^Installed tensorflow 2\.99\.0 \(GPU\) in /, stderr);
  const newest: Record<string, string> = { tensorflow: '2.99.0', 'nvidia-cublas-cu12': '12.99' };
  assert.deepEqual(
    wheelsAskedFor(),
    [
      ...cudaWheels((name) => newest[name] ?? pinned(name)),
      `nvidia_nccl_cu12-${newer.nccl}-py3-none-any.whl`,
    ].sort(),
  );
  const nvidia = join(packageOf('latest'), 'deps', 'nvidia');
  assert.deepEqual(readdirSync(join(nvidia, 'cusolver')).sort(), ['include', 'lib']);
});

test('takes the wheel for another Python where the own one has none', { skip }, async () => {
  wheelsAskedFor();
  world.retagCpuWheel('py312-none-any');
  try {
    const { status, stderr } = await world.run('python', ['install', '--from=pypi']).outcome;
    assert.equal(status, 0, stderr);
    assert.deepEqual(wheelsAskedFor(), [`${cpuWheel}-py312-none-any.whl`]);
  } finally {
    world.retagCpuWheel('py3-none-any');
  }
});

test('--from=DIR links to a TensorFlow that stays where it is, without the network', {
  skip,
}, async () => {
  // Fills npm's cache.
  await expectInstalled('cpu');
  const site = join(world.folder, 'venv', 'lib', 'python3.12', 'site-packages');
  cpSync(join(world.folder, 'cpu'), site, { recursive: true });
  mkdirSync(join(site, 'nvidia'));
  // Takes no room on the disk.
  writeFileSync(join(site, 'nvidia', 'large'), '');
  truncateSync(join(site, 'nvidia', 'large'), 1e9);
  const args = ['install', '--offline', `--from=${join(world.folder, 'venv')}`];
  world.requests.splice(0);
  const { status, stderr } = await world.run('folder', args).outcome;
  assert.equal(status, 0, stderr);
  assert.deepEqual(world.requests, []);
  assert.match(stderr, /^check: done in [\d.]+ s; \d{1,3} MB so far$/m);
  assert.equal(
    realpathSync(join(packageOf('folder'), 'deps', 'lib', 'libtensorflow_cc.so.2')),
    realpathSync(join(site, 'tensorflow', 'libtensorflow_cc.so.2')),
  );

  rmSync(join(world.folder, 'venv'), { recursive: true });
  const report = await doctor('folder', {});
  assert.match(report, /Problem: .*libtensorflow\w+\.so\.2: cannot open shared object file/);
  assert.match(report, /Fix: losslens engine install\n/);
});

test('--offline says what is not there, and asks nothing of the network', { skip }, async () => {
  const report = () => {};
  for (const choice of [{}, { from: 'pypi' }, { from: 'official' }, { cuda: true }]) {
    await assert.rejects(
      installEngine({ ...choice, offline: true, report }),
      /^UsageError: --offline: got [^;]+; expected --from=DIR, /,
    );
  }
  world.requests.splice(0);
  const args = ['install', '--offline', `--from=${join(world.folder, 'cpu')}`];
  const env = { npm_config_cache: join(world.folder, 'npm-cache-empty') };
  const { status, stderr } = await world.run('offline', args, env).outcome;
  assert.equal(status, 3, stderr);
  assert.match(stderr, /^losslens: --offline: got npm .*ENOTCACHED.*npm's cache/m);
  assert.deepEqual(world.requests, []);
  assert.equal(existsSync(homeOf('offline')), false);
});

test('falls back to the script of the package, and says why', { skip }, async () => {
  const args = ['install'];
  const without = await world.run('official', args, { CXX: 'no-such-compiler' }).outcome;
  assert.equal(without.status, 1);
  assert.match(without.stderr, /^compiler: got no-such-compiler: not found; .*apt install g\+\+/m);
  assert.match(without.stderr, /; official: got .*Error: the stand-in has no network; /);
  assert.equal(existsSync(homeOf('official')), false);

  await expectInstalled('cpu');
  const env = { CXX: 'no-such-compiler', STAND_IN_OFFICIAL: packageOf('cpu') };
  assert.equal((await world.run('official', args, env).outcome).status, 0);
  assert.deepEqual(manifestOf('official'), {
    source: 'official',
    wheels: [],
    name: `tensorflow ${version} (CPU)`,
  });
});

/** An install that is at its download, which does not end. */
async function startInstall(name: string) {
  let begun = () => {};
  const isAtDownload = new Promise<void>((resolve) => {
    begun = resolve;
  });
  world.onHeldDownload = { file: /^tensorflow_cpu/, begun };
  const run = world.run(name, ['install']);
  await isAtDownload;
  world.onHeldDownload = undefined;
  return run;
}

test('an install that is stopped or killed leaves the engine that was there, and keeps others out meanwhile', {
  skip,
}, async () => {
  const first = await startInstall('stopped');
  // Without pip, which takes most of the time of an install.
  const whole = ['install', `--from=${join(world.folder, 'cpu')}`];
  const refused = await world.run('stopped', whole).outcome;
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /^losslens: LOSSLENS_HOME: ".*stopped" is in use by process .*\. Wait until that one has ended, /,
  );
  assert.match(readdirSync(homeOf('stopped')).join(), /^engine\.partial-\d+,losslens\.lock$/);
  first.kill('SIGINT');
  const { status, stderr } = await first.outcome;
  assert.equal(status, 130);
  assert.match(stderr, /^losslens: engine install: interrupted; run it again to go on$/m);
  assert.doesNotMatch(stderr, /official/);
  assert.equal(existsSync(homeOf('stopped')), false);

  assert.equal((await world.run('stopped', whole).outcome).status, 0);
  const before = manifestOf('stopped');
  const second = await startInstall('stopped');
  second.kill('SIGKILL');
  assert.equal((await second.outcome).signal, 'SIGKILL');
  assert.match(
    readdirSync(homeOf('stopped')).join(),
    /^engine,engine\.partial-\d+,losslens\.lock$/,
  );
  assert.deepEqual(manifestOf('stopped'), before);
  assert.equal((await world.run('stopped', ['doctor']).outcome).status, 0);

  assert.equal((await world.run('stopped', whole).outcome).status, 0);
  assert.deepEqual(readdirSync(homeOf('stopped')), ['engine']);
});

test('bytes that the index or the registry does not know are not installed', { skip }, async () => {
  for (const [tampered, said] of [
    [/\.whl$/, /^losslens: pypi: got .*hash/im],
    [/\.tgz$/, /^losslens: npm: got .*EINTEGRITY/m],
  ] as const) {
    world.tampered = tampered;
    // What the cache of another test holds would not be fetched.
    const env = { npm_config_cache: join(world.folder, `npm-cache-${tampered.source}`) };
    const { status, stderr } = await world.run('tampered', ['install', '--from=pypi'], env).outcome;
    world.tampered = undefined;
    assert.equal(status, 1, stderr);
    assert.match(stderr, said);
    assert.equal(existsSync(homeOf('tampered')), false);
  }
  world.downloads.splice(0);
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
  await refuse(
    ['--latest', '--from=official'],
    /--latest: got --from=official; expected --from=pypi/,
  );
});

test('a home that cannot be written is named', { skip }, async () => {
  writeFileSync(homeOf('file'), '');
  const { status, stderr } = await world.run('file', ['install']).outcome;
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^losslens: LOSSLENS_HOME: cannot write to ".*file" \(.*\); expected a folder/,
  );
});

test('too little room is said before anything is fetched, with folder and bytes', {
  skip,
}, async (t) => {
  const home = homeOf('full');
  const { LOSSLENS_HOME } = process.env;
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
    if (LOSSLENS_HOME === undefined) delete process.env['LOSSLENS_HOME'];
    else process.env['LOSSLENS_HOME'] = LOSSLENS_HOME;
  });
  process.env['LOSSLENS_HOME'] = home;
  // A disk that has room for the CPU build alone.
  t.mock.method(fsPromises, 'statfs', async () => ({ bavail: 1e6, bsize: 4e3 }));
  syncBuiltinESMExports();
  wheelsAskedFor();
  const lines: string[] = [];
  await assert.rejects(
    installEngine({ cuda: true, report: (line) => lines.push(line) }),
    (error) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /^engine install: .*full has 4\.0 GB free; expected \d\.\d GB \(\d{10} bytes\)\. Free some, or set LOSSLENS_HOME/,
      );
      assert.ok(error.message.includes(home));
      return true;
    },
  );
  assert.deepEqual([lines, existsSync(home)], [[], false]);
});
