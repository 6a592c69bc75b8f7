/** Examines what the engines find on this machine. */
import { availableParallelism, cpus } from 'node:os';
import { NoEngineError, UserError } from '../errors.ts';
import { type CudaBuild, readCudaBuild } from './build.ts';
import { cpuFeatures } from './cpuFeatures.ts';
import { visibleGpus } from './gpuChoice.ts';
import { askDriver, type DriverReport, describeGpu } from './gpus.ts';
import { engineFolder } from './home.ts';
import { type InstalledEngine, readInstalledEngine } from './install.ts';
import { type ProbeReport, probeEngine } from './probe.ts';
import { selectEngine } from './select.ts';
import { findTensorFlowPackage } from './tensorflowPackage.ts';

/** Something seen. */
interface Finding {
  readonly what: string;
  readonly value: string;
}

/** Something wrong, and the command or step that mends it. */
interface Problem {
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
  const build = packageFolder === undefined ? undefined : readCudaBuild(packageFolder);
  const driver = await askDriver();
  const record = readRecord();
  const problems = [
    ...record.problems,
    ...findEngineProblems(probe),
    ...findGpuProblems(driver, build, probe),
  ];
  const selection = await describeSelection(probe);
  const findings = [
    { what: 'Engine', value: selection.value },
    { what: 'TensorFlow', value: describeTensorFlow(packageFolder, probe, record.installed) },
    ...(build === undefined
      ? []
      : [{ what: 'GPU build', value: describeBuild(build, record.installed) }]),
    { what: 'Node.js', value: `${process.versions.node} (${process.platform}, ${process.arch})` },
    { what: 'CPU', value: describeCpu() },
    { what: 'NVIDIA driver', value: driver.version ?? 'none found' },
    { what: 'GPUs of the driver', value: describeGpus(driver) },
    { what: 'GPUs of TensorFlow', value: probe?.gpus.join(', ') || 'none' },
  ];
  return { findings, problems, isUsable: selection.isUsable };
}

async function describeSelection(
  probe: ProbeReport | undefined,
): Promise<{ value: string; isUsable: boolean }> {
  // What crashed a process of its own would crash this one.
  const crash = probe?.failure?.startsWith('crashed') ? probe.failure : undefined;
  try {
    const { engine, reason } = await selectEngine({
      engine: crash === undefined ? 'auto' : 'wasm',
    });
    const why = crash === undefined ? reason : `with --engine=wasm alone; TensorFlow ${crash}`;
    return { value: `${engine.name}: ${why}`, isUsable: true };
  } catch (error) {
    if (!(error instanceof NoEngineError)) throw error;
    return { value: 'none', isUsable: false };
  }
}

/** What was installed; where its record is damaged, that alone. */
function readRecord(): { installed?: InstalledEngine | undefined; problems: Problem[] } {
  try {
    return { installed: readInstalledEngine(), problems: [] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problems: [{ problem: error.message, fix: 'losslens engine install' }] };
  }
}

function describeTensorFlow(
  folder: string | undefined,
  probe: ProbeReport | undefined,
  installed: InstalledEngine | undefined,
): string {
  if (folder === undefined) return 'not installed';
  const outcome = probe?.name ?? `does not run: ${probe?.failure}`;
  if (installed === undefined) return `${outcome}; ${folder}`;
  const wheels = installed.wheels.length > 0 ? ` (${installed.wheels.join(', ')})` : '';
  return `${outcome}; ${engineFolder()}, from ${installed.source}${wheels}`;
}

/** What the GPU build was compiled with, and which of NVIDIA's libraries lie beside it. */
function describeBuild(
  { cuda, cudnn, computeCapabilities }: CudaBuild,
  installed: InstalledEngine | undefined,
): string {
  const lowest = computeCapabilities[0]?.toFixed(1) ?? 'unknown';
  const wheels = installed?.wheels ?? [];
  const carried = [
    ['CUDA', 'nvidia_cuda_runtime'],
    ['cuDNN', 'nvidia_cudnn'],
  ].flatMap(([name, wheel]) => {
    const version = wheels.find((other) => other.startsWith(`${wheel}_`))?.split('-')[1];
    return version === undefined ? [] : [`${name} ${version}`];
  });
  return (
    `compiled with CUDA ${cuda} and cuDNN ${cudnn} for compute capability ${lowest} and newer; ` +
    `installed: ${carried.join(', ') || "none of NVIDIA's wheels"}`
  );
}

/** All of them, with the numbers that --gpu takes where there are several. */
function describeGpus({ gpus }: DriverReport): string {
  const described = gpus.map(describeGpu);
  const numbered = gpus.length > 1 ? described.map((gpu, i) => `${i}: ${gpu}`) : described;
  return numbered.join(', ') || 'none';
}

function describeCpu(): string {
  const features = cpuFeatures();
  const has = (flag: string) => (features.has(flag) ? 'yes' : 'no');
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  if (process.arch !== 'x64') return `${model}, ${availableParallelism()} threads`;
  return (
    `${model}, ${availableParallelism()} threads; ` +
    `AVX2 ${has('avx2')}, AVX-512 ${has('avx512f')}, ` +
    `bfloat16 in AVX-512 ${has('avx512_bf16')}, in AMX ${has('amx_bf16')}`
  );
}

function findEngineProblems(probe: ProbeReport | undefined): Problem[] {
  if (probe === undefined) {
    return [{ problem: 'the TensorFlow engine is not installed', fix: 'losslens engine install' }];
  }
  if (probe.failure === undefined) return [];
  return [{ problem: probe.failure, fix: probe.fix ?? 'losslens engine install' }];
}

/** The oldest drivers for Linux that run each major version of CUDA, as NVIDIA's release notes have them. */
const oldestDrivers: Readonly<Record<string, string>> = {
  11: '450.80.02',
  12: '525.60.13',
  13: '580.65.06',
};

const installCuda = 'losslens engine install --cuda';

function findGpuProblems(
  driver: DriverReport,
  build: CudaBuild | undefined,
  probe: ProbeReport | undefined,
): Problem[] {
  const problems: Problem[] = [];
  if (driver.failure !== undefined) {
    problems.push({
      problem: `the NVIDIA driver does not answer: ${driver.failure}`,
      fix: "restart the machine; if it persists, install NVIDIA's driver anew",
    });
  }
  if (probe === undefined) return problems;
  for (const { file, reason } of probe.brokenLibraries) {
    problems.push({ problem: `${file} does not load: ${reason}`, fix: installCuda });
  }
  if (build !== undefined) problems.push(...findMismatches(driver, build, probe));
  return problems.length > 0 ? problems : findHiddenGpus(driver, build, probe);
}

/** What of the machine does not go with a GPU build. */
function findMismatches(
  { failure, version, gpus }: DriverReport,
  { cuda, computeCapabilities }: CudaBuild,
  { driverFailure }: ProbeReport,
): Problem[] {
  const problems: Problem[] = [];
  const oldest = oldestDrivers[cuda.split('.')[0] ?? ''];
  const orCpu = 'or, for the CPU alone: losslens engine install';
  if (failure === undefined && driverFailure !== undefined) {
    const needed = oldest === undefined ? '' : `, ${oldest} or newer`;
    problems.push({
      problem: `this is TensorFlow's GPU build, and the library of NVIDIA's driver does not load: ${driverFailure}`,
      fix: `install NVIDIA's driver${needed}; ${orCpu}`,
    });
  }
  if (version !== undefined && oldest !== undefined && isOlder(version, oldest)) {
    problems.push({
      problem: `the NVIDIA driver is ${version}; CUDA ${cuda} takes ${oldest} or newer`,
      fix: `install a newer driver of NVIDIA's; ${orCpu}`,
    });
  }
  const [lowest] = computeCapabilities;
  for (const gpu of gpus) {
    if (
      lowest !== undefined &&
      gpu.computeCapability !== undefined &&
      gpu.computeCapability < lowest
    ) {
      problems.push({
        problem: `${describeGpu(gpu)}: this TensorFlow is compiled for ${lowest.toFixed(1)} or newer`,
        fix: `use another GPU; ${orCpu}`,
      });
    }
  }
  return problems;
}

/** Compares versions such as '525.60.13', number by number. */
function isOlder(version: string, other: string): boolean {
  const [ours, theirs] = [version, other].map((text) => text.split('.').map(Number));
  const difference = theirs!.map((part, i) => (ours![i] ?? 0) - part).find((step) => step !== 0);
  return difference !== undefined && difference < 0;
}

/** Why TensorFlow uses fewer GPUs than the driver has. */
function findHiddenGpus(
  driver: DriverReport,
  build: CudaBuild | undefined,
  probe: ProbeReport,
): Problem[] {
  const { gpus } = driver;
  // Who leaves some to others has a reason; who leaves none is told.
  const expected = visibleGpus(driver).length || gpus.length;
  if (probe.name === undefined || expected <= probe.gpus.length) return [];
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
  const missing = probe.missingLibraries.filter((name) => !name.startsWith('libnvinfer'));
  if (missing.length > 0) {
    return [
      { problem: `${seen}; CUDA libraries are missing: ${missing.join(', ')}`, fix: installCuda },
    ];
  }
  return build === undefined
    ? [{ problem: `${seen}; this TensorFlow is built for the CPU`, fix: installCuda }]
    : [
        {
          problem: seen,
          fix: `see what TensorFlow says with TF_CPP_MIN_LOG_LEVEL=0, or ${installCuda}`,
        },
      ];
}
