/** Ends the process when a reader holds up its thread, which nothing within it could. */
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Longer is a hang. */
const maxSeconds = 60;

interface Watch {
  /** Counts what is begun and what is done: odd while something runs. */
  readonly turns: Int32Array;
  /** What runs, in UTF-8, ended by a zero. */
  readonly name: Uint8Array;
}

let watch: Watch | undefined;

function begin(): Watch {
  const started: Watch = {
    turns: new Int32Array(new SharedArrayBuffer(4)),
    name: new Uint8Array(new SharedArrayBuffer(256)),
  };
  new Worker(new URL(import.meta.url), { workerData: started }).unref();
  return started;
}

/** Does something that has to come to an end. @param name  said when it does not */
export async function watched<T>(name: string, run: () => Promise<T>): Promise<T> {
  watch ??= begin();
  watch.name.fill(0);
  watch.name.set(Buffer.from(name).subarray(0, 255));
  Atomics.add(watch.turns, 0, 1);
  try {
    return await run();
  } finally {
    Atomics.add(watch.turns, 0, 1);
  }
}

if (!isMainThread) {
  const { turns, name } = workerData as Watch;
  let seen = -1;
  setInterval(() => {
    const turn = Atomics.load(turns, 0);
    if (turn === seen && turn % 2 !== 0) {
      const text = Buffer.from(name).toString().replaceAll('\0', '');
      writeSync(2, `${text}: an input was not read within ${maxSeconds} s\n`);
      process.kill(process.pid, 'SIGKILL');
    }
    seen = turn;
  }, 1000 * maxSeconds);
}
