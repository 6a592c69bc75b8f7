/** Tries an engine in a process of its own, which may crash without harm. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BrokenLibrary } from './cudaLibraries.ts';

/** What the child process sends. */
export interface ProbeMessage {
  /** The engine's name, when it loaded and ran a graph. */
  readonly name?: string;
  /** Why it did not, in one line. */
  readonly failure?: string;
  /** What mends that, where another install does not. */
  readonly fix?: string;
  /** CUDA libraries that are installed but do not load. */
  readonly brokenLibraries: readonly BrokenLibrary[];
  /** Of a GPU build: why the library of NVIDIA's driver, libcuda.so.1, does not load. */
  readonly driverFailure?: string;
}

/** What was seen. */
export interface ProbeReport extends ProbeMessage {
  /** The names of the GPUs that TensorFlow has made devices of. */
  readonly gpus: readonly string[];
  /** Names of the CUDA libraries that TensorFlow looked for and did not find. */
  readonly missingLibraries: readonly string[];
}

/** A GPU that is newer than TensorFlow has its kernels compiled at the first start, which takes minutes. */
const limitMinutes = 10;

/**
 * Loads an engine and runs a tiny graph in a child process, and reads TensorFlow's log.
 *
 * @param packageFolder  the folder of tfjs-node-gpu
 */
export async function probeEngine(
  packageFolder: string,
  signal?: AbortSignal,
): Promise<ProbeReport> {
  const child = fork(fileURLToPath(new URL('./probeChild.js', import.meta.url)), [packageFolder], {
    silent: true,
    // At this level TensorFlow names each device that it makes and each library that it does not find.
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'dso_loader=1' },
    ...(signal === undefined ? {} : { signal }),
    timeout: 60_000 * limitMinutes,
    killSignal: 'SIGKILL',
  });
  let log = '';
  let message: ProbeMessage | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  child.on('message', (value: ProbeMessage) => {
    message = value;
  });
  const outcome = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, killedBy) => {
      const outcome = killedBy ?? `exit code ${status}`;
      resolve(child.killed ? `no answer within ${limitMinutes} minutes` : outcome);
    });
  });
  const lastLine = log.trim().split('\n').at(-1);
  const devices = log.matchAll(/Created device \S*device:GPU:\d+ .*?name: ([^,\n]+)/g);
  const missing = log.matchAll(/Could not load dynamic library '([^']+)'/g);
  return {
    ...(message ?? { failure: `crashed (${outcome}): ${lastLine}`, brokenLibraries: [] }),
    gpus: [...devices].map(([, name]) => name!.trim()),
    missingLibraries: [...new Set([...missing].map(([, name]) => name!))],
  };
}
