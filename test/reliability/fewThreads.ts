/** A system that gives a process a few threads only, as a container with a limit of them. */
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

const { Worker } = threads;

/**
 * From now on all threads after some cannot be started, as Node.js says it.
 *
 * @returns  those that were started, and what ends it
 */
export function allowThreads(most: number): { started: threads.Worker[]; release: () => void } {
  const started: threads.Worker[] = [];
  threads.Worker = class extends Worker {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      if (started.length === most) {
        throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
      }
      super(...given);
      started.push(this);
    }
  };
  syncBuiltinESMExports();
  const release = () => {
    threads.Worker = Worker;
    syncBuiltinESMExports();
  };
  return { started, release };
}

const most = process.env['LOSSLENS_TEST_THREADS'];
if (most !== undefined) allowThreads(Number(most));
