/** A small world to install engines in: stand-ins for TensorFlow, NVIDIA's libraries and tfjs-node-gpu, served locally. */
import { execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../src/packageRoot.ts';

const sources = join(packageRoot, 'test', 'engines', 'standIn');

/** The versions that the installer is to take, by the names of the wheels. */
const pins: ReadonlyMap<string, string> = new Map(
  readFileSync(join(packageRoot, 'engine', 'constraints.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('=='))
    .map((line) => line.split('==') as [string, string]),
);

/** The version that the installer is to take of a wheel. */
export function pinned(name: string): string {
  const version = pins.get(name);
  if (version === undefined) throw new Error(`engine/constraints.txt has no ${name}`);
  return version;
}

/** Newer ones that the index has too; of nccl, which is not pinned, the one that there is. */
export const newer = {
  tensorflow: '2.99.0',
  nvidia: '12.99',
  nvidiaOfNextCuda: '13.0.0',
  nccl: '2.99',
};

/** Why no engine can be installed in a test here, or false. */
export function whyNoInstall(): string | false {
  if (process.platform !== 'linux') return 'wheels hold libtensorflow on Linux only';
  for (const [command, ...args] of [
    ['python3', '-m', 'pip', '--version'],
    ['c++', '--version'],
    ['tar', '--version'],
  ] as const) {
    if (spawnSync(command, args).status !== 0) return `no ${command} ${args[1] ?? ''}`;
  }
  return false;
}

function hashOf(path: string, algorithm: 'sha256' | 'sha512', encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(readFileSync(path)).digest(encoding);
}

function compile(output: string, args: readonly string[]): void {
  execFileSync('cc', ['-shared', '-fPIC', '-o', output, ...args]);
}

/** A shared library of one empty function. */
function compileEmpty(folder: string, file: string, args: readonly string[] = []): void {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, 'empty.c');
  const name = file.replace(/\W/g, '_');
  writeFileSync(source, `int ${name}(void) { return 0; }\n`);
  compile(join(folder, file), [`-Wl,-soname,${file}`, source, '-Wl,--no-as-needed', ...args]);
  execFileSync('rm', [source]);
}

/** Files of the wheels are laid out below this folder, one folder for each wheel. */
function layOutTensorFlow(folder: string, version: string, build: 'CPU' | 'GPU'): void {
  const tensorflow = join(folder, 'tensorflow');
  mkdirSync(join(tensorflow, 'include'), { recursive: true });
  cpSync(join(sources, 'tensorflow'), join(tensorflow, 'include', 'tensorflow'), {
    recursive: true,
  });
  writeFileSync(join(tensorflow, '__init__.py'), 'raise ImportError("a stand-in")\n');
  const platform = join(tensorflow, 'python', 'platform');
  mkdirSync(platform, { recursive: true });
  writeFileSync(
    join(platform, 'build_info.py'),
    build === 'CPU'
      ? "build_info = collections.OrderedDict([('is_cuda_build', False)])\n"
      : "build_info = collections.OrderedDict([('cuda_compute_capabilities', ['sm_60', 'compute_90']), " +
          "('cuda_version', '12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True)])\n",
  );
  const framework = 'libtensorflow_framework.so.2';
  const source = join(sources, 'libtensorflow.c');
  compile(join(tensorflow, framework), [
    ...(build === 'GPU' ? ['-DWITH_CUDA'] : []),
    ...[`-DVERSION="${version}"`, source, `-I${sources}`, `-Wl,-soname,${framework}`, '-ldl'],
  ]);
  compileEmpty(tensorflow, 'libtensorflow_cc.so.2', [
    join(tensorflow, framework),
    '-Wl,-rpath,$ORIGIN',
  ]);
}

/** Makes a wheel of the files in a folder. */
export function packWheel(
  wheels: string,
  folder: string,
  name: string,
  version: string,
  metadata: readonly string[] = [],
  tag = 'py3-none-any',
): void {
  const stem = `${name.replaceAll('-', '_')}-${version}`;
  const info = join(folder, `${stem}.dist-info`);
  mkdirSync(info, { recursive: true });
  const write = (file: string, lines: readonly string[]) =>
    writeFileSync(join(info, file), `${lines.join('\n')}\n`);
  write('METADATA', ['Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`, ...metadata]);
  write('WHEEL', ['Wheel-Version: 1.0', 'Root-Is-Purelib: false', `Tag: ${tag}`]);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  );
  write(
    'RECORD',
    [...files, `${stem}.dist-info/RECORD`].map((file) => `${file},,`),
  );
  const archive = join(wheels, `${stem}-${tag}`);
  const script = 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2])';
  execFileSync('python3', ['-c', script, archive, folder]);
  execFileSync('mv', [`${archive}.zip`, `${archive}.whl`]);
}

/** NVIDIA's stand-in wheels: one library needs another wheel's, which only a library that is loaded already can be. */
function packNvidiaWheels(wheels: string, folder: string): void {
  const at = (component: string) => join(folder, component, 'nvidia', component, 'lib');
  compileEmpty(at('cuda_runtime'), 'libcudart.so.12');
  compileEmpty(at('cublas'), 'libcublas.so.12');
  compileEmpty(at('cusolver'), 'libcusolver.so.11', [join(at('cublas'), 'libcublas.so.12')]);
  compileEmpty(at('cusolver'), 'libcusolverMg.so.11');
  const headers = join(folder, 'cusolver', 'nvidia', 'cusolver', 'include');
  mkdirSync(headers);
  writeFileSync(join(headers, 'cusolver_common.h'), '');
  compileEmpty(at('cudnn'), 'libcudnn.so.9');
  compileEmpty(at('nccl'), 'libnccl.so.2');
  const nvcc = join(folder, 'cuda_nvcc', 'nvidia', 'cuda_nvcc', 'bin');
  mkdirSync(nvcc, { recursive: true });
  writeFileSync(join(nvcc, 'ptxas'), '#!/bin/sh\n');
  const cublas = 'nvidia-cublas-cu12';
  for (const [component, name, versions] of [
    ['cuda_runtime', 'nvidia-cuda-runtime-cu12'],
    ['cublas', cublas, [pinned(cublas), newer.nvidia, newer.nvidiaOfNextCuda]],
    ['cusolver', 'nvidia-cusolver-cu12'],
    ['cudnn', 'nvidia-cudnn-cu12'],
    ['cuda_nvcc', 'nvidia-cuda-nvcc-cu12'],
    ['nccl', 'nvidia-nccl-cu12', [newer.nccl]],
  ] as const) {
    for (const version of versions ?? [pinned(name)]) {
      const copy = join(folder, `${component}-${version}`);
      cpSync(join(folder, component), copy, { recursive: true });
      packWheel(wheels, copy, name, version);
    }
  }
}

/** What TensorFlow's GPU build says that it needs. */
const requirements = [
  'Requires-Dist: numpy>=1.26.0',
  'Provides-Extra: and-cuda',
  'Requires-Dist: nvidia-cuda-runtime-cu12<13.0,>=12.5.82; extra == "and-cuda"',
  'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
  "Requires-Dist: nvidia-cusolver-cu12 ; sys_platform == 'linux' and extra == 'and-cuda'",
  'Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0; extra == "and-cuda"',
  'Requires-Dist: nvidia-cuda-nvcc-cu12<13.0,>=12.5.82; extra == "and-cuda"',
  'Requires-Dist: nvidia-nccl-cu12<3.0,>=2.27.7; extra == "and-cuda"',
  'Requires-Dist: nvidia-windows-only; sys_platform == "win32" and extra == "and-cuda"',
  'Provides-Extra: gcs',
  'Requires-Dist: nvidia-not-asked-for; extra == "gcs"',
];

/** What a run of losslens left. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running losslens. */
export interface Run {
  readonly outcome: Promise<Outcome>;
  kill(signal: NodeJS.Signals): void;
}

/** The world: an index of wheels, a registry of packages and a command line that knows no others. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'losslens-world-'));
  /** The homes of all runs. */
  readonly homes = join(this.folder, 'homes');
  /** Where the library of NVIDIA's driver lies, for LD_LIBRARY_PATH. */
  readonly driver = join(this.folder, 'driver');
  /** Files that were asked for. */
  readonly downloads: string[] = [];
  /** Paths of all requests. */
  readonly requests: string[] = [];
  /** A download that is begun but never ends, and what to do then. */
  onHeldDownload: { readonly file: RegExp; readonly begun: () => void } | undefined;
  /** Files that come with other bytes than the index and the registry say, and can be unpacked all the same. */
  tampered: RegExp | undefined;
  readonly #wheels = join(this.folder, 'wheels');
  readonly #server = createServer((request, response) => {
    this.#answer(decodeURIComponent(request.url ?? ''), response);
  });
  #address = '';

  constructor() {
    mkdirSync(this.homes);
    mkdirSync(this.#wheels);
    for (const [folder, name, version, build] of [
      ['cpu', 'tensorflow-cpu', pinned('tensorflow-cpu'), 'CPU'],
      ['gpu', 'tensorflow', pinned('tensorflow'), 'GPU'],
      ['newer', 'tensorflow-cpu', newer.tensorflow, 'CPU'],
      ['newer-gpu', 'tensorflow', newer.tensorflow, 'GPU'],
    ] as const) {
      layOutTensorFlow(join(this.folder, folder), version, build);
      packWheel(this.#wheels, join(this.folder, folder), name, version, requirements);
    }
    compileEmpty(this.driver, 'libcuda.so.1');
    packNvidiaWheels(this.#wheels, join(this.folder, 'nvidia'));
    const tarball = ['-czf', join(this.folder, 'package.tgz'), '-C', sources, 'package'];
    execFileSync('tar', tarball);
  }

  /** Begins to serve. */
  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#address = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Stops to serve and removes everything. */
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    execFileSync('rm', ['-rf', this.folder]);
  }

  /** Gives the wheel of the CPU build another tag: for which Python it is. */
  retagCpuWheel(tag: string): void {
    const stem = `tensorflow_cpu-${pinned('tensorflow-cpu')}-`;
    const wheel = readdirSync(this.#wheels).find((name) => name.startsWith(stem))!;
    const renamed = wheel.replace(/-[^-]+-[^-]+-[^-]+\.whl$/, `-${tag}.whl`);
    execFileSync('mv', [join(this.#wheels, wheel), join(this.#wheels, renamed)]);
  }

  /** Runs `losslens engine …` with a home of its own. */
  run(home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
    const clean = Object.entries(process.env).filter(
      ([name]) => !/^(pip_|npm_config_|.*_proxy$|CXX$|CUDA_)/i.test(name),
    );
    const options: SpawnOptions = {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(clean),
        LOSSLENS_HOME: join(this.homes, home),
        PIP_INDEX_URL: `${this.#address}/simple`,
        PIP_CONFIG_FILE: '/dev/null',
        PIP_NO_CACHE_DIR: '1',
        PIP_RETRIES: '0',
        npm_config_registry: this.#address,
        npm_config_userconfig: '/dev/null',
        npm_config_cache: join(this.folder, 'npm-cache'),
        npm_config_fetch_retries: '0',
        ...env,
      },
    };
    const command = join(packageRoot, 'dist', 'bin', 'losslens.cjs');
    const child = spawn(process.execPath, [command, 'engine', ...args], options);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const outcome = new Promise<Outcome>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
    });
    return { outcome, kill: (signal) => child.kill(signal) };
  }

  #answer(path: string, response: ServerResponse): void {
    this.requests.push(path);
    const file = path.split('/').at(-1) ?? '';
    if (path.startsWith('/files/')) {
      this.downloads.push(file);
      if (this.onHeldDownload?.file.test(file) === true) {
        response.writeHead(200, { 'content-length': 1e6 }).write('PK');
        this.onHeldDownload.begun();
        return;
      }
      const folder = file.endsWith('.whl') ? this.#wheels : this.folder;
      const bytes = readFileSync(join(folder, file));
      const more = this.tampered?.test(file) === true ? ['\n'] : [];
      response.end(Buffer.concat([bytes, ...more.map((text) => Buffer.from(text))]));
    } else if (path.startsWith('/simple/')) {
      const name = path.split('/')[2]!.replaceAll('-', '_');
      const wheels = readdirSync(this.#wheels).filter((wheel) => wheel.startsWith(`${name}-`));
      const links = wheels
        .map((wheel) => {
          const sha256 = hashOf(join(this.#wheels, wheel), 'sha256', 'hex');
          return `<a href="/files/${wheel}#sha256=${sha256}">${wheel}</a>`;
        })
        .join('\n');
      const page = `<!DOCTYPE html><html><body>${links}</body></html>`;
      response.writeHead(wheels.length > 0 ? 200 : 404, { 'content-type': 'text/html' }).end(page);
    } else if (path === '/@tensorflow/tfjs-node-gpu') {
      const manifest = JSON.parse(
        readFileSync(join(sources, 'package', 'package.json'), 'utf8'),
      ) as { name: string; version: string };
      const { name, version } = manifest;
      const dist = {
        tarball: `${this.#address}/files/package.tgz`,
        integrity: `sha512-${hashOf(join(this.folder, 'package.tgz'), 'sha512', 'base64')}`,
      };
      const versions = { [version]: { ...manifest, dist } };
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
    } else {
      response.writeHead(404).end();
    }
  }
}
