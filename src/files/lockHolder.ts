/** Who holds a lock, and whether that process still runs. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { excerpt } from '../errors.ts';

/** What a lock file says, as JSON. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /**
   * The boot, the pid namespace and the time namespace: within the first two a pid is one process's, and within all of
   * them it started when `started` says. Containers may share their host's name with others that have processes of
   * their own. null off Linux.
   */
  readonly system: string | null;
  /** Tells processes of the same pid apart: in clock ticks since boot (proc(5)); null off Linux. */
  readonly started: string | null;
  /** When it took the lock, in ISO 8601; undefined where an older version did. */
  readonly since?: string;
  /** Tells this lock from any other, also of the same process. */
  readonly token: string;
}

/** Whether a lock file says who holds it; the token, which becomes a part of a file's name, leads nowhere. */
export function isHolder(value: unknown): value is Holder {
  const { pid, host, token } = (value ?? {}) as Partial<Holder>;
  const isPid = Number.isSafeInteger(pid) && Number(pid) > 0;
  return isPid && typeof host === 'string' && typeof token === 'string' && /^\w+$/.test(token);
}

/** Who holds a lock, for people: process and machine. */
export function nameOf(holder: Holder | undefined): string {
  return holder === undefined
    ? 'another process'
    : `process ${holder.pid} on ${excerpt(holder.host)}`;
}

/** Since when, for people: a phrase that begins with a space, empty where the lock does not say it. */
export function sinceOf(holder: Holder | undefined): string {
  const time = Date.parse(String(holder?.since));
  if (Number.isNaN(time)) return '';
  const [day, clock] = new Date(time).toISOString().split('T') as [string, string];
  return ` since ${day} ${clock.slice(0, 8)} UTC`;
}

/** What the kernel says of a process, or null. */
function statusOf(pid: number): { readonly state: string; readonly started: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces; it ends with the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, started: fields[19]! };
  } catch {
    return null;
  }
}

function systemOf(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const clock = '/proc/self/ns/time';
    // Kernels before 5.6 have none.
    const times = existsSync(clock) ? ` ${readlinkSync(clock)}` : '';
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}${times}`;
  } catch {
    return null;
  }
}

/** This process as the holder of a new lock. */
export function newHolder(): Holder {
  return {
    pid: process.pid,
    host: hostname(),
    system: systemOf(),
    started: statusOf(process.pid)?.started ?? null,
    since: new Date().toISOString(),
    token: randomBytes(8).toString('hex'),
  };
}

/** The kernel's name of a start of the machine; undefined where none is known. */
function bootOf({ system }: Holder): string | undefined {
  // What is in a file may be anything.
  return typeof system === 'string' ? system.split(' ')[0] : undefined;
}

/**
 * Whether a holder ran on this machine before it started anew, and all processes with it. Machines may share a name:
 * another one would have touched its lock since.
 *
 * @param own      a holder of this process
 * @param touched  when the lock was touched last, in milliseconds since 1970
 */
export function isOfEarlierStart(holder: Holder, own: Holder, touched: number): boolean {
  const [before, now] = [bootOf(holder), bootOf(own)];
  const startedAt = Date.now() - uptime() * 1000;
  return (
    before !== undefined &&
    now !== undefined &&
    before !== now &&
    holder.host === own.host &&
    touched < startedAt
  );
}

/**
 * Whether a holder's process runs, stopped or not.
 *
 * @param own  a holder of this process
 * @returns    undefined when that cannot be told from here: its pid is of another system
 */
export function isRunning(holder: Holder, own: Holder): boolean | undefined {
  if ((holder.system ?? holder.host) !== (own.system ?? own.host)) return undefined;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it runs as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const status = statusOf(holder.pid);
  // Some systems do not say it of the processes of others.
  if (status === null || holder.started === null) return true;
  // Z: it has ended, and its parent has not looked yet.
  return status.started === holder.started && status.state !== 'Z';
}
