/** Examines what the engines find on this machine. */
import { availableParallelism, cpus } from 'node:os';
import { NoEngineError } from '../errors.ts';
import { cpuFeatures } from './cpuFeatures.ts';
import { askDriver } from './gpus.ts';
import { engineFolder } from './home.ts';
import { readInstalledEngine } from './install.ts';
import { type ProbeReport, probeEngine } from './probe.ts';
import { selectEngine } from './select.ts';
import { findTensorFlowPackage } from './tensorflow.ts';

/** Something seen. */
export interface Finding {
  readonly what: string;
  readonly value: string;
}

/** Something wrong, and the command or step that mends it. */
export interface Problem {
  readonly problem: string;
  readonly fix: string;
}

/** The outcome of an examination. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  /** Whether any engine runs. */
  readonly isUsable: boolean;
}

/** Examines the engines, the processor and the GPUs; TensorFlow is tried in a process of its own first. */
export async function diagnose(): Promise<Diagnosis> {
  const packageFolder = findTensorFlowPackage();
  const probe = packageFolder === undefined ? undefined : await probeEngine(packageFolder);
  const { gpus, failure } = askDriver();
  const problems = [...findEngineProblems(probe), ...findGpuProblems(gpus, failure, probe)];
  const selection = await describeSelection(probe);
  const findings = [
    { what: 'Engine', value: selection.value },
    { what: 'TensorFlow', value: describeTensorFlow(packageFolder, probe) },
    { what: 'Node.js', value: `${process.versions.node} (${process.platform}, ${process.arch})` },
    { what: 'CPU', value: describeCpu() },
    { what: 'GPUs of the driver', value: gpus.join(', ') || 'none' },
    { what: 'GPUs of TensorFlow', value: probe?.gpus.join(', ') || 'none' },
  ];
  return { findings, problems, isUsable: selection.isUsable };
}

async function describeSelection(
  probe: ProbeReport | undefined,
): Promise<{ value: string; isUsable: boolean }> {
  // What crashed a process of its own would crash this one.
  if (probe?.failure?.startsWith('crashed') === true) {
    return { value: `none: TensorFlow ${probe.failure}`, isUsable: false };
  }
  try {
    const { engine, reason } = await selectEngine('auto');
    return { value: `${engine.name}: ${reason}`, isUsable: true };
  } catch (error) {
    if (!(error instanceof NoEngineError)) throw error;
    return { value: 'none', isUsable: false };
  }
}

function describeTensorFlow(folder: string | undefined, probe: ProbeReport | undefined): string {
  if (folder === undefined) return 'not installed';
  const outcome = probe?.name ?? `does not run: ${probe?.failure}`;
  const installed = readInstalledEngine();
  if (installed === undefined) return `${outcome}; ${folder}`;
  const wheels = installed.wheels.length > 0 ? ` (${installed.wheels.join(', ')})` : '';
  return `${outcome}; ${engineFolder()}, from ${installed.source}${wheels}`;
}

function describeCpu(): string {
  const features = cpuFeatures();
  const has = (flag: string) => (features.has(flag) ? 'yes' : 'no');
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  if (process.arch !== 'x64') return `${model}, ${availableParallelism()} threads`;
  return (
    `${model}, ${availableParallelism()} threads; ` +
    `AVX2 ${has('avx2')}, AVX-512 ${has('avx512f')}, AMX bfloat16 ${has('amx_bf16')}`
  );
}

function findEngineProblems(probe: ProbeReport | undefined): Problem[] {
  if (probe === undefined) {
    return [{ problem: 'the TensorFlow engine is not installed', fix: 'losslens engine install' }];
  }
  if (probe.failure === undefined) return [];
  return [{ problem: probe.failure, fix: 'losslens engine install' }];
}

function findGpuProblems(
  gpus: readonly string[],
  failure: string | undefined,
  probe: ProbeReport | undefined,
): Problem[] {
  if (failure !== undefined) {
    return [
      {
        problem: `the NVIDIA driver does not answer: ${failure}`,
        fix: "restart the machine; if it persists, install NVIDIA's driver anew",
      },
    ];
  }
  if (probe?.name === undefined || gpus.length <= probe.gpus.length) return [];
  const seen = `the driver sees ${gpus.length} GPU(s), TensorFlow ${probe.gpus.length}`;
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible !== undefined) {
    return [
      {
        problem: `${seen}; CUDA_VISIBLE_DEVICES is "${visible}"`,
        fix: 'unset CUDA_VISIBLE_DEVICES',
      },
    ];
  }
  const install = 'losslens engine install --cuda';
  const broken = probe.brokenLibraries.map(({ file, reason }) => ({
    problem: `${seen}; ${file} does not load: ${reason}`,
    fix: install,
  }));
  if (broken.length > 0) return broken;
  const missing = probe.missingLibraries.filter((name) => !name.startsWith('libnvinfer'));
  if (missing.length > 0) {
    return [
      { problem: `${seen}; CUDA libraries are missing: ${missing.join(', ')}`, fix: install },
    ];
  }
  return [{ problem: `${seen}; this TensorFlow is built for the CPU`, fix: install }];
}
