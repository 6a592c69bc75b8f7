/** An unmodified TensorBoard, started on a log and asked over HTTP as its own page asks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { python, pythonArguments } from '../python.ts';

/** How TensorBoard reads event files: by its Rust server (its default), or in Python. */
export type LoadingMode = 'fast' | 'slow';

/** Both, each with what `/data/environment` calls it. */
export const loadingModes: Readonly<Record<LoadingMode, RegExp>> = {
  fast: /^GrpcDataProvider/,
  slow: /^MultiplexerDataProvider/,
};

/**
 * The Python loader tells of values that a later start of a run replaces, as it is meant to be; the
 * other does so in silence.
 */
const replacement = /Detected out of order event\.step.* Purging \d+ expired tensor events/;
/** What TensorFlow's logging says of itself, whatever it has to tell. */
const notice =
  'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR';
/** Lines that say that something of the log was refused or lost. */
const warning = /WARN|ERROR|^[WEF]\d{4} |Traceback|Exception|out of order|even though|oddly/;

/**
 * Repeats a question until its answer will do.
 *
 * @throws Error  with what `describe` says, when it has not after a minute
 */
export async function until<T>(
  ask: () => Promise<T>,
  willDo: (answer: T) => boolean,
  what: string,
): Promise<T> {
  const endMs = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (willDo(answer)) return answer;
    if (Date.now() > endMs) throw new Error(`${what}: got ${JSON.stringify(answer)}`);
    await sleep(100);
  }
}

/** What `python -m tensorboard.main` does, after a line with the process that does it. */
const program = `
import os, sys
print(f'process {os.getpid()}', file=sys.stderr, flush=True)
from tensorboard.main import run_main
run_main()`;

/** A running TensorBoard. */
export class TensorBoard {
  readonly url: string;
  readonly #child: ChildProcess;
  /** The child, or what was forked for it. */
  readonly #pid: number;
  readonly #lines: () => string[];

  private constructor(url: string, child: ChildProcess, pid: number, lines: () => string[]) {
    this.url = url;
    this.#child = child;
    this.#pid = pid;
    this.#lines = lines;
  }

  /**
   * Starts one on any free port.
   *
   * @param samples  value of --samples_per_plugin; undefined for TensorBoard's own
   */
  static async start(logdir: string, mode: LoadingMode, samples?: string): Promise<TensorBoard> {
    const args = [
      ...['-c', program, '--logdir', logdir, '--host', '127.0.0.1', '--port', '0'],
      ...['--reload_interval', '1', '--load_fast', String(mode === 'fast')],
      // By itself the fast loader trusts every record.
      ...(mode === 'fast' ? ['--extra_data_server_flags=--checksum'] : []),
      ...(samples === undefined ? [] : ['--samples_per_plugin', samples]),
    ];
    const child = spawn(python, pythonArguments(...args), {
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', () => reject(new Error(`tensorboard ended: ${text}`)));
      child.stderr.on('data', (chunk) => {
        text += chunk;
        const found = /at (http:\/\/[\d.:]+\/)/.exec(text);
        if (found) resolve(found[1]!);
      });
    });
    const pid = Number(/^process (\d+)$/m.exec(text)![1]);
    return new TensorBoard(url, child, pid, () => text.split('\n'));
  }

  /** What its log warns of, replacements and the notice of the logging left out. */
  get warnings(): string[] {
    return this.#lines().filter(
      (line) => warning.test(line) && !replacement.test(line) && line !== notice,
    );
  }

  /** What its log says of values that were replaced. */
  get replacements(): string[] {
    return this.#lines().filter((line) => replacement.test(line));
  }

  /** Asks for bytes. */
  async bytes(path: string, query: Readonly<Record<string, string>> = {}): Promise<Buffer> {
    const response = await fetch(`${this.url}data/${path}?${new URLSearchParams(query)}`);
    const body = Buffer.from(await response.arrayBuffer());
    if (!response.ok)
      throw new Error(`${path} ${JSON.stringify(query)}: ${response.status} ${body}`);
    return body;
  }

  /** Asks for JSON. */
  async json<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
    return JSON.parse((await this.bytes(path, query)).toString()) as T;
  }

  /** Tags of a plugin by run; of runs that have some. */
  async tags(plugin: string): Promise<Record<string, string[]>> {
    const tags = await this.json<Record<string, Record<string, unknown> | string[]>>(
      `plugin/${plugin}/tags`,
    );
    return Object.fromEntries(
      Object.entries(tags)
        .map(([run, of]) => [run, (Array.isArray(of) ? of : Object.keys(of)).sort()] as const)
        .filter(([, of]) => of.length > 0),
    );
  }

  /** The points of a scalar: [wall time in seconds, step, value]. */
  scalars(run: string, tag: string): Promise<[number, number, number | string][]> {
    return this.json('plugin/scalars/scalars', { run, tag });
  }

  /** The pictures of a tag: their steps, and `query` to ask `image` for one. */
  images(run: string, tag: string): Promise<{ step: number; query: string }[]> {
    return this.json('plugin/images/images', { run, tag, sample: '0' });
  }

  /** One picture as it is served. */
  image(query: string): Promise<Buffer> {
    return this.bytes(
      'plugin/images/individualImage',
      Object.fromEntries(new URLSearchParams(query)),
    );
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.on('close', resolve));
    process.kill(this.#pid, 'SIGTERM');
    await ended;
  }
}
