/** Starts `losslens train` in processes that are used again and again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after } from 'node:test';
import { packageRoot } from '../../src/packageRoot.ts';
import type { TrainResult } from './trainProcess.ts';

const module = join(packageRoot, 'dist/test/reliability/trainProcess.js');

interface TrainProcess {
  readonly child: ChildProcess;
  /** Should it end before it is told to. */
  readonly death: Promise<[TrainResult]>;
}

function start(): TrainProcess {
  // What they say of their progress is of no interest.
  const child = fork(module, { stdio: 'ignore', execArgv: [] });
  const death = once(child, 'exit').then(([code, signal]): [TrainResult] => [
    { code: null, problem: `the process ended: ${code ?? signal}` },
  ]);
  return { child, death };
}

/** As many processes as are wanted at a time; they end after the tests of the file. */
export class TrainProcesses {
  readonly #all: TrainProcess[] = [];
  readonly #idle: TrainProcess[] = [];

  constructor() {
    after(() => {
      for (const { child } of this.#all) child.kill();
    });
  }

  /** Does a run to its end. */
  async train(flags: readonly string[]): Promise<TrainResult> {
    const one = this.#idle.pop() ?? this.#start();
    const answer = once(one.child, 'message') as Promise<[TrainResult]>;
    one.child.send(flags);
    const [result] = await Promise.race([answer, one.death]);
    if (one.child.connected) this.#idle.push(one);
    return result;
  }

  #start(): TrainProcess {
    const one = start();
    this.#all.push(one);
    return one;
  }
}
