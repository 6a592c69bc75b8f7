import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, test } from 'node:test';
import { engineFlags } from '../../src/commands/trainFlags.ts';
import type { CudaBuild } from '../../src/engines/build.ts';
import { chooseCloneGpus, chooseGpu, firstVisibleGpu } from '../../src/engines/gpuChoice.ts';
import { selectEngine } from '../../src/engines/select.ts';
import { packageFolderIn } from '../../src/engines/tensorflowPackage.ts';
import { NoEngineError, UsageError } from '../../src/errors.ts';
import { temporaryFolder } from '../losslens.ts';

const build: CudaBuild = { cuda: '12.5.1', cudnn: '9', computeCapabilities: [6, 9] };

const { PATH = '', LOSSLENS_HOME, CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER } = process.env;
const environment = { PATH, LOSSLENS_HOME, CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER };
afterEach(() => {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** A machine whose driver lists these GPUs; `visible` is CUDA_VISIBLE_DEVICES. */
function machine(gpus: readonly string[], visible?: string): void {
  const bin = temporaryFolder();
  const lines = gpus.map((gpu) => `echo "${gpu}, 580.65.06"`);
  const script = ['#!/bin/sh', ...lines, ''].join('\n');
  writeFileSync(join(bin, 'nvidia-smi'), script, { mode: 0o755 });
  process.env['PATH'] = `${bin}${delimiter}${PATH}`;
  delete process.env['CUDA_DEVICE_ORDER'];
  if (visible === undefined) delete process.env['CUDA_VISIBLE_DEVICES'];
  else process.env['CUDA_VISIBLE_DEVICES'] = visible;
}
const display = 'GTX 980, 4096 MiB, 5.2';
const a100 = 'NVIDIA A100, 40960 MiB, 8.0';
const h100 = 'NVIDIA H100, 81559 MiB, 9.0';

test('by itself TensorFlow gets the first GPU that it has kernels for, and no other', async () => {
  machine([display, a100, h100]);
  await chooseGpu('auto', build);
  assert.equal(process.env['CUDA_VISIBLE_DEVICES'], '1');
  assert.equal(process.env['CUDA_DEVICE_ORDER'], 'PCI_BUS_ID');
  assert.equal((await firstVisibleGpu())?.name, 'NVIDIA A100');
});

test('--gpu takes one as nvidia-smi counts them', async () => {
  machine([display, a100, h100]);
  await chooseGpu('2', build);
  assert.equal(process.env['CUDA_VISIBLE_DEVICES'], '2');
  assert.equal((await firstVisibleGpu())?.name, 'NVIDIA H100');
});

test('of the GPUs that CUDA_VISIBLE_DEVICES names, --gpu counts those, and by itself the first is taken', async () => {
  for (const [visible, gpu, chosen] of [
    ['2,1', '0', '2'],
    ['2,1', '1', '1'],
    ['2,1', 'auto', '2'],
    ['0,1', 'auto', '1'],
    ['GPU-8932f937,GPU-2ab0', '1', 'GPU-2ab0'],
    ['-1', 'auto', '-1'],
  ] as const) {
    machine([display, a100, h100], visible);
    await chooseGpu(gpu, build);
    assert.equal(process.env['CUDA_VISIBLE_DEVICES'], chosen, visible);
  }
});

test('a GPU beyond those that there are is a usage error that names them', async () => {
  machine([a100, h100]);
  await assert.rejects(
    chooseGpu('2', build),
    new UsageError(
      '--gpu: got 2; expected 0 (NVIDIA A100 (40960 MiB, compute capability 8.0)) or ' +
        '1 (NVIDIA H100 (81559 MiB, compute capability 9.0)).',
    ),
  );
  machine([a100, h100], '1');
  await assert.rejects(
    chooseGpu('1', build),
    new UsageError(
      '--gpu: got 1; expected 0 (NVIDIA H100 (81559 MiB, compute capability 9.0)), ' +
        'of those that CUDA_VISIBLE_DEVICES names.',
    ),
  );
});

test('a GPU that is asked for where there is none is no engine', async () => {
  const isNoEngine = (message: RegExp) => (error: unknown) =>
    error instanceof NoEngineError && error.exitCode === 3 && message.test(error.message);
  machine([h100], '-1');
  await assert.rejects(chooseGpu('0', build), isNoEngine(/no GPU: CUDA_VISIBLE_DEVICES is "-1";/));
  machine([]);
  process.env['CUDA_VISIBLE_DEVICES'] = '';
  await assert.rejects(chooseGpu('0', build), isNoEngine(/no GPU: CUDA_VISIBLE_DEVICES is "";/));
  machine([h100]);
  await assert.rejects(chooseGpu('0', undefined), isNoEngine(/built for the CPU; .* --cuda$/));
  assert.equal(process.env['CUDA_VISIBLE_DEVICES'], undefined);
});

test('who asks for a GPU gets no other engine where TensorFlow does not load', async () => {
  const home = temporaryFolder();
  process.env['LOSSLENS_HOME'] = home;
  const folder = packageFolderIn(join(home, 'engine'));
  mkdirSync(join(folder, 'deps'), { recursive: true });
  writeFileSync(join(folder, 'deps', 'build_info.py'), "('is_cuda_build', True)");
  writeFileSync(join(folder, 'index.js'), 'throw new Error("no addon");');
  machine([h100]);
  await assert.rejects(selectEngine({ engine: 'auto', gpu: '0' }), /does not load \(no addon\)/);
  assert.equal((await selectEngine({ engine: 'auto' })).engine.name.split(' ')[0], 'wasm');
});

test('clones get the first GPUs that TensorFlow has kernels for, of those that may be used', async () => {
  for (const [gpus, visible, chosen] of [
    [[display, a100, h100, a100], undefined, '1,2'],
    [[display, a100, h100, a100], '3,0,2,1', '3,2'],
    [[a100, h100], 'GPU-8932f937,GPU-2ab0,GPU-77', 'GPU-8932f937,GPU-2ab0'],
  ] as const) {
    machine(gpus, visible);
    await chooseCloneGpus(2, build);
    assert.equal(process.env['CUDA_VISIBLE_DEVICES'], chosen, visible);
    assert.equal(process.env['CUDA_DEVICE_ORDER'], 'PCI_BUS_ID');
  }
});

test('fewer GPUs than clones are a usage error that says what there is and what to do', async () => {
  const refused = (clones: number, reason: string) =>
    new UsageError(
      `--num_clones: got ${clones}, but ${reason}; expected a GPU for each clone, or --clone_on_cpu.`,
    );
  machine([display, a100]);
  await assert.rejects(chooseCloneGpus(2, build), refused(2, 'TensorFlow can use 1 GPU'));
  machine([a100, h100], '-1');
  await assert.rejects(chooseCloneGpus(2, build), refused(2, 'TensorFlow can use 0 GPUs'));
  machine([a100, h100]);
  const built = 'this TensorFlow is built for the CPU';
  await assert.rejects(chooseCloneGpus(2, undefined), refused(2, built));
  const onWasm = { engine: 'wasm', num_clones: 3 } as const;
  await assert.rejects(selectEngine(onWasm), refused(3, '--engine=wasm computes on the CPU'));
  process.env['LOSSLENS_HOME'] = temporaryFolder();
  const missing = 'TensorFlow, which uses GPUs, is not installed';
  await assert.rejects(selectEngine({ engine: 'auto', num_clones: 2 }), refused(2, missing));
  assert.equal(process.env['CUDA_VISIBLE_DEVICES'], undefined);
});

test('clones on the CPU need no GPU', async () => {
  machine([a100, h100]);
  const options = { engine: 'wasm', num_clones: 2, clone_on_cpu: true } as const;
  assert.match((await selectEngine(options)).engine.name, /^wasm/);
  assert.equal(process.env['CUDA_VISIBLE_DEVICES'], '-1');
});

test('--gpu takes a number or auto', () => {
  const { parse } = engineFlags.gpu;
  assert.equal(parse('auto', 'gpu'), 'auto');
  assert.equal(parse('11', 'gpu'), '11');
  for (const value of ['first', '-1', '0,1', '']) {
    assert.throws(
      () => parse(value, 'gpu'),
      /^UsageError: --gpu: got ".*"; expected auto or the number/,
    );
  }
});
