/** Whether the processes of a cluster are there. */
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '../../errors.ts';
import { describeTask, type Hosts, type Task } from './hosts.ts';
import { waitAloud } from './longWait.ts';
import { type Look, lookFor, lookMs } from './look.ts';

const retryMs = 250;
/** Between two looks at a process that is there. */
const watchMs = 1000;
/** Looks in a row without an answer, after which a process is gone: a shorter cut of the network is outlived. */
const silencesToBeGone = 3;

/** After how long without an answer that is. */
export const silentSeconds = (silencesToBeGone * (watchMs + lookMs)) / 1000;

/** What is said of a process that is not there. */
const findings = {
  nobody: 'nobody listens there',
  'no way': 'no way leads there',
  silence: 'who listens there gives no answer',
} as const;

function describeLook(look: Exclude<Look, { readonly found: 'process' }>): string {
  return look.found === 'stranger' ? `there listens ${look.who}` : findings[look.found];
}

/** A process that is not there. */
interface Missing {
  readonly task: Task;
  /** What is there instead. */
  readonly what: string;
}

async function findMissing(hosts: Hosts, tasks: readonly Task[]): Promise<readonly Missing[]> {
  const looks = await Promise.all(tasks.map((task) => lookFor(hosts, task)));
  return tasks.flatMap((task, i) => {
    const look = looks[i]!;
    return look.found === 'process' ? [] : [{ task, what: describeLook(look) }];
  });
}

function nameMissing(hosts: Hosts, missing: readonly Missing[]): string {
  return missing.map(({ task, what }) => `${describeTask(hosts, task)} (${what})`).join(', ');
}

/**
 * Waits until all are there.
 *
 * @param signal      ends the waiting
 * @param report      takes a line on whom it waits for, when that takes long
 * @throws UserError  naming who is not there within the time, and what is instead
 */
export async function awaitTasks(
  hosts: Hosts,
  tasks: readonly Task[],
  timeoutSeconds: number,
  signal: AbortSignal,
  report: (line: string) => void,
): Promise<void> {
  const end = performance.now() + 1000 * timeoutSeconds;
  let missing: readonly Missing[] = [];
  const look = async () => {
    for (;;) {
      missing = await findMissing(
        hosts,
        missing.length === 0 ? tasks : missing.map(({ task }) => task),
      );
      if (missing.length === 0) return;
      if (performance.now() >= end) {
        throw new UserError(
          `cluster: ${nameMissing(hosts, missing)} did not answer within ${timeoutSeconds} s; expected every process to be started, with the same hosts, and its port to be reachable from here, before the training ends. Wait longer with --cluster_timeout_secs.`,
        );
      }
      await pause(retryMs, undefined, { signal });
    }
  };
  await waitAloud(look(), (seconds) =>
    report(`cluster: has waited for ${nameMissing(hosts, missing)} for ${seconds} s`),
  );
}

/** For people: the names of processes, and of those that are not there what is instead. */
export async function nameAsFound(hosts: Hosts, tasks: readonly Task[]): Promise<string> {
  const missing = await findMissing(hosts, tasks);
  const others = tasks.filter((task) => !missing.some((each) => each.task === task));
  const names = others.map((task) => describeTask(hosts, task));
  return [...names, ...(missing.length > 0 ? [nameMissing(hosts, missing)] : [])].join(', ');
}

/** For people: that a process gives no answer, or does again. */
export function silenceLine(hosts: Hosts, task: Task, isSilent: boolean): string {
  const what = isSilent
    ? `has given no answer for ${silentSeconds} s, as one does that was stopped; waiting for it`
    : 'answers again';
  return `cluster: ${describeTask(hosts, task)} ${what}`;
}

/** What is to be done about a cluster that lost one of its processes. @param from  where the training goes on */
export function startAgain(from = 'from its latest checkpoint'): string {
  return `Start all processes again: the training goes on ${from}.`;
}

/** Processes that were there are not any more. */
export class GoneError extends UserError {
  override readonly name = 'GoneError';
  /** What is gone, without what to do about it. */
  readonly what: string;

  /** @param from  where the training goes on */
  constructor(what: string, from?: string) {
    super(`${what} ${startAgain(from)}`);
    this.what = what;
  }

  /** The same, knowing more of where the training goes on. */
  goingOn(from: string): GoneError {
    return new GoneError(this.what, from);
  }
}

/** What is said of processes that were there and are not any more: one at least. */
export function goneError(hosts: Hosts, tasks: readonly Task[]): GoneError {
  const names = tasks.map((task) => describeTask(hosts, task)).join(', ');
  const isOne = tasks.length === 1;
  return new GoneError(
    `cluster: ${names} ${isOne ? 'is' : 'are'} gone: ${isOne ? 'it ended, and says why itself' : 'they ended, and say why themselves'}, or cannot be reached any more.`,
  );
}

/** Which of some processes are gone, looked for at once; others are there, or may be. */
export async function findGone(hosts: Hosts, tasks: readonly Task[]): Promise<readonly Task[]> {
  const looks = await Promise.all(tasks.map((task) => lookFor(hosts, task)));
  return tasks.filter((_, i) => !['process', 'silence'].includes(looks[i]!.found));
}

/** Who is told of what a watch sees. */
export interface WatchListener {
  /** A process is gone; it is not looked after any more. */
  gone(task: Task): void;
  /**
   * A process takes calls and has given no answer for `silentSeconds`, as one does that was stopped; or answers again.
   * Without this, it counts as gone.
   */
  silent?(task: Task, isSilent: boolean): void;
}

/** Looks after processes that were there. */
export class Watch {
  readonly #hosts: Hosts;
  readonly #listener: WatchListener;
  #isOver = false;

  constructor(hosts: Hosts, tasks: readonly Task[], listener: WatchListener) {
    this.#hosts = hosts;
    this.#listener = listener;
    for (const task of tasks) void this.#watch(task);
  }

  /** From now on they may go. */
  end(): void {
    this.#isOver = true;
  }

  async #watch(task: Task): Promise<void> {
    let incarnation: number | undefined;
    let silences = 0;
    let isSilent = false;
    for (;;) {
      await pause(watchMs, undefined, { ref: false });
      if (this.#isOver) return;
      const patience = pause(lookMs, undefined, { ref: false });
      const look = await lookFor(this.#hosts, task);
      if (this.#isOver) return;
      if (look.found === 'nobody' || look.found === 'stranger') break;
      if (look.found === 'process') {
        incarnation ??= look.incarnation;
        // What it held is gone with the one before.
        if (look.incarnation !== incarnation) break;
        silences = 0;
        if (isSilent) this.#listener.silent?.(task, false);
        isSilent = false;
        continue;
      }
      // Where no way leads just now, that is known at once.
      await patience;
      if (++silences < silencesToBeGone) continue;
      if (look.found === 'no way' || this.#listener.silent === undefined) break;
      if (!isSilent) this.#listener.silent(task, true);
      isSilent = true;
    }
    if (!this.#isOver) this.#listener.gone(task);
  }
}
