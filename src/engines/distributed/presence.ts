/** Whether the processes of a cluster are there: whether somebody listens where each of them should. */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { describeTask, type Hosts, hostOf, type Task } from './hosts.ts';

/** How long a host that does not say no is waited for. */
const connectMs = 5000;
const retryMs = 250;
/** Between two looks at a process that is there. */
const watchMs = 1000;
/** Looks in a row that a host does not answer, after which it is gone: a shorter cut of the network is outlived. */
const silencesToBeGone = 3;

/** Somebody listens there, nobody does, or the host does not say. */
type Look = 'there' | 'nobody' | 'silent';

function lookAt(host: string): Promise<Look> {
  const separator = host.lastIndexOf(':');
  const name = host.slice(0, separator).replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host: name, port: Number(host.slice(separator + 1)) });
  return new Promise((resolve) => {
    const answer = (look: Look) => {
      socket.destroy();
      resolve(look);
    };
    socket.setTimeout(connectMs, () => answer('silent'));
    socket.once('connect', () => answer('there'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code === 'ECONNREFUSED' ? 'nobody' : 'silent'),
    );
  });
}

/** The same; a host that does not answer, or to which no way leads just now, gets all of the time that it may take. */
async function lookPatiently(host: string): Promise<Look> {
  const patience = pause(connectMs, undefined, { ref: false });
  const look = await lookAt(host);
  if (look === 'silent') await patience;
  return look;
}

/** Those of some processes that are not there. */
async function missingOf(hosts: Hosts, tasks: readonly Task[]): Promise<readonly Task[]> {
  const looks = await Promise.all(tasks.map((task) => lookAt(hostOf(hosts, task))));
  return tasks.filter((_, i) => looks[i] !== 'there');
}

/**
 * Waits until all are there.
 *
 * @param signal      ends the waiting
 * @throws UserError  naming who is not there within the time
 */
export async function awaitTasks(
  hosts: Hosts,
  tasks: readonly Task[],
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + 1000 * timeoutSeconds;
  let missing = tasks;
  for (;;) {
    missing = await missingOf(hosts, missing);
    if (missing.length === 0) return;
    if (performance.now() >= end) break;
    await pause(retryMs, undefined, { signal });
  }
  const names = missing.map((task) => describeTask(hosts, task)).join(', ');
  throw new UserError(
    `cluster: ${names} did not answer within ${timeoutSeconds} s; expected every process to be started, and its port to be reachable from here. Wait longer with --cluster_timeout_secs.`,
  );
}

/** What is to be done about a cluster that lost one of its processes. */
export const startAgain =
  'Start all processes again: the training goes on from its latest checkpoint.';

/** What is said of a process that was there and is not any more. */
export function goneError(hosts: Hosts, task: Task): UserError {
  return new UserError(
    `cluster: ${describeTask(hosts, task)} is gone: it ended, and says why itself, or cannot be reached any more. ${startAgain}`,
  );
}

/** Looks after processes that were there. */
export class Watch {
  readonly #hosts: Hosts;
  readonly #tasks: readonly Task[];
  #isOver = false;

  /** @param onGone  told of the first that is gone */
  constructor(hosts: Hosts, tasks: readonly Task[], onGone: (error: UserError) => void) {
    this.#hosts = hosts;
    this.#tasks = tasks;
    for (const task of tasks) void this.#watch(task, onGone);
  }

  /**
   * Which of them is gone, once more at once.
   *
   * @returns  undefined when all are there
   */
  async gone(): Promise<UserError | undefined> {
    const [gone] = await missingOf(this.#hosts, this.#tasks);
    return gone && goneError(this.#hosts, gone);
  }

  /** From now on they may go. */
  end(): void {
    this.#isOver = true;
  }

  async #watch(task: Task, onGone: (error: UserError) => void): Promise<void> {
    const host = hostOf(this.#hosts, task);
    for (let silences = 0; silences < silencesToBeGone; ) {
      await pause(watchMs, undefined, { ref: false });
      if (this.#isOver) return;
      const look = await lookPatiently(host);
      if (look === 'nobody') break;
      silences = look === 'there' ? 0 : silences + 1;
    }
    if (this.#isOver) return;
    this.#isOver = true;
    onGone(goneError(this.#hosts, task));
  }
}
