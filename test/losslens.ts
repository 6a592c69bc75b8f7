/** Runs the command line as a user does, on small data that the tests make. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { makeDigits } from '../datasets/builtIn/digits.ts';
import { packageRoot } from '../src/packageRoot.ts';

/** How a command ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `losslens` with some arguments in a process of its own; the second value settles when it has ended. */
export function startLosslens(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): [ChildProcess, Promise<CommandResult>] {
  // What an engine in this process has set is not what a user's shell has.
  const { TF_CPP_MIN_LOG_LEVEL: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [join(packageRoot, 'dist/bin/losslens.cjs'), ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const result = new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return [child, result];
}

/** A process for one command after the other. */
interface CommandProcess {
  readonly child: ChildProcess;
  /** Should it end before it is told to. */
  readonly death: Promise<[CommandResult]>;
}

/** Those that have nothing to do. */
const idle: CommandProcess[] = [];

function startCommandProcess(): CommandProcess {
  const child = fork(join(packageRoot, 'dist/test/commandProcess.js'), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  const death = once(child, 'close').then(([code]): [CommandResult] => [
    { code: code as number | null, stdout: '', stderr: `the process ended\n${stderr}` },
  ]);
  return { child, death };
}

/** Whether this process waits for another one; that one ends with it anyway. */
function waitFor({ child }: CommandProcess, doesWait: boolean): void {
  for (const each of [child, child.channel, child.stderr as unknown as ChildProcess]) {
    each?.[doesWait ? 'ref' : 'unref']();
  }
}

/**
 * Runs `losslens` to its end, and until nothing of it goes on. Without variables for its environment it may be
 * done by a process that has done other commands before, which spares it the loading of its code.
 */
export async function losslens(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  if (env !== undefined) return startLosslens(args, env)[1];
  const process = idle.pop() ?? startCommandProcess();
  waitFor(process, true);
  const answer = once(process.child, 'message') as Promise<[CommandResult]>;
  process.child.send(args);
  const [result] = await Promise.race([answer, process.death]);
  waitFor(process, false);
  if (process.child.connected) idle.push(process);
  return result;
}

/**
 * Flags of runs that are about something else: threads and the projector take most of the time of a
 * run of a few steps.
 */
export const briefly = ['--num_preprocessing_threads=1', '--projector_items=0'] as const;

/** Module of a network that takes a fraction of LeNet's time, for --model_name. */
export const smallNetwork = join(packageRoot, 'dist/test/smallNetwork.js');

/** A folder that is deleted after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'losslens-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes the built-in digits in MNIST's form. */
export function writeSmallMnist(folder: string, train: number, test: number): void {
  for (const [prefix, split, size] of [
    ['train', 'train', train],
    ['t10k', 'test', test],
  ] as const) {
    const { pixels, labels } = makeDigits(split, size);
    const imagesHeader = Buffer.alloc(16);
    [0x803, size, 28, 28].forEach((word, i) => {
      imagesHeader.writeUInt32BE(word, 4 * i);
    });
    const labelsHeader = Buffer.alloc(8);
    [0x801, size].forEach((word, i) => {
      labelsHeader.writeUInt32BE(word, 4 * i);
    });
    writeFileSync(
      join(folder, `${prefix}-images-idx3-ubyte`),
      Buffer.concat([imagesHeader, pixels]),
    );
    writeFileSync(
      join(folder, `${prefix}-labels-idx1-ubyte`),
      Buffer.concat([labelsHeader, Buffer.from(labels)]),
    );
  }
}
