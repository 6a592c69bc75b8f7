/** The thread that keeps a lock alive while the main one computes for long. */
import { fsyncSync, writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

/** What the thread is given. */
export interface HeartbeatData {
  /** Of the lock's file, whatever is at its path by now. */
  readonly descriptor: number;
  readonly content: string;
  readonly seconds: number;
}

const { descriptor, content, seconds } = workerData as HeartbeatData;
setInterval(() => {
  try {
    // Its time changes, by the clock of the machine that has the disk.
    writeSync(descriptor, content, 0);
    // Other machines see it.
    fsyncSync(descriptor);
  } catch {
    // A network folder that does not answer may do so later.
  }
}, seconds * 1000);
