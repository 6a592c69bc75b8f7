/** Programs that train one network on one batch, and answer how long their steps took. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Memory } from './peersTable.ts';

/** A running contestant; the other side is bench/python/contestant.py or bench/ourStep.ts. */
export class Contestant {
  /** What it said it was, such as "PyTorch 2.15.0". */
  readonly version: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    version: string,
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
  ) {
    this.version = version;
    this.#child = child;
    this.#lines = lines;
  }

  /**
   * Starts a program and waits until it has warmed up.
   *
   * @param endMs  when it is ended if it has not warmed up yet, on the clock of `performance.now()`
   * @returns      why it is not there: the last line of its errors when it ends before it is ready
   */
  static async start(command: readonly string[], endMs = Infinity): Promise<Contestant | string> {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return 'no time was left';
    const [program = '', ...args] = command;
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
    const child = spawn(program, args, { env });
    let errors = '';
    child.stderr.on('data', (text: Buffer) => {
      errors += text.toString();
    });
    child.on('error', (error) => {
      errors += error.message;
    });
    const outOfTime =
      leftMs < Infinity &&
      setTimeout(() => {
        errors = 'no time was left';
        child.kill('SIGKILL');
      }, leftMs);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    for (;;) {
      const line = await lines.next();
      if (line.done) return errors.trim().split('\n').at(-1) ?? '';
      if (line.value.startsWith('ready ')) {
        if (outOfTime) clearTimeout(outOfTime);
        return new Contestant(line.value.slice('ready '.length), child, lines);
      }
    }
  }

  /** Sends a line. @returns its answer, as JSON */
  async ask(line: string): Promise<unknown> {
    this.#child.stdin.write(`${line}\n`);
    return await this.#next();
  }

  /** Has some steps trained. @returns milliseconds of each */
  async train(steps: number): Promise<number[]> {
    return (await this.ask(String(steps))) as number[];
  }

  /** Ends it. @returns its memory; undefined for one that does not say */
  async end(): Promise<Memory | undefined> {
    this.#child.stdin.end();
    const line = await this.#lines.next();
    return line.done ? undefined : (JSON.parse(line.value) as Memory);
  }

  async #next(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${this.version} ended before it answered`);
    return JSON.parse(line.value);
  }
}
