/** Which process of which cluster this one is: as flags say it, or TF_CONFIG. */
import {
  type Hosts,
  isWithoutServers,
  type JobName,
  type Task,
} from '../engines/distributed/hosts.ts';
import { excerpt, UsageError } from '../errors.ts';

/** The flags that say it. */
export interface ClusterOptions {
  /** undefined for a training by one process. */
  readonly job_name: JobName | undefined;
  readonly task: number;
  readonly worker_hosts: readonly string[];
  /** None where each worker keeps all variables itself. */
  readonly ps_hosts: readonly string[];
  /** TF-Slim's numbers of workers and parameter servers, which the hosts say too. */
  readonly worker_replicas: number;
  readonly num_ps_tasks: number;
  readonly sync_replicas: boolean;
  /** Those of all workers by default. */
  readonly replicas_to_aggregate: number | undefined;
  readonly cluster_timeout_secs: number;
}

/** A place in a cluster. */
export interface ClusterPlace {
  readonly hosts: Hosts;
  readonly task: Task;
  /** How long others are waited for at the start. */
  readonly timeoutSeconds: number;
}

/** Whether a place is that of the process that initialises, records and saves. */
export function isChief({ task }: ClusterPlace): boolean {
  return task.job === 'worker' && task.index === 0;
}

/** A host and a port; IPv6 addresses in brackets. */
const hostPattern = /^([^\s:/[\]]+|\[[0-9a-f:.]+\]):\d{1,5}$/i;

/**
 * The place that flags give this process; without --job_name, that of TF_CONFIG.
 *
 * @param environment  of the process
 * @returns            undefined for a training by one process
 * @throws UsageError  for a cluster that does not hold together
 */
export function clusterPlace(
  options: ClusterOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ClusterPlace | undefined {
  const { TF_CONFIG: config = '' } = environment;
  const given =
    options.job_name !== undefined
      ? placeOfFlags(options.job_name, options)
      : config.trim() === ''
        ? undefined
        : placeOfConfig(config);
  if (given === undefined) return undefined;
  expectTogether(given.hosts, given.task, options);
  return { ...given, timeoutSeconds: options.cluster_timeout_secs };
}

/** The flags as they would name the place. */
export function flagsOfPlace({ hosts, task }: ClusterPlace): Partial<ClusterOptions> {
  return {
    job_name: task.job,
    task: task.index,
    worker_hosts: hosts.worker,
    ps_hosts: hosts.ps,
    replicas_to_aggregate: hosts.worker.length,
    // Of what each keeps itself, no worker could change anything for all.
    ...(isWithoutServers(hosts) && { sync_replicas: true }),
  };
}

type Given = Pick<ClusterPlace, 'hosts' | 'task'>;

function placeOfFlags(job: JobName, { task, worker_hosts, ps_hosts }: ClusterOptions): Given {
  return { hosts: { worker: worker_hosts, ps: ps_hosts }, task: { job, index: task } };
}

function placeOfConfig(text: string): Given | undefined {
  const refuse = (what: string): never => {
    throw new UsageError(
      `TF_CONFIG: got ${what}; expected {"cluster": {"worker": ["HOST:PORT", …], "ps": […]}, "task": {"type": "worker", "index": 0}}. Unset it to train in one process.`,
    );
  };
  let config: { readonly cluster?: unknown; readonly task?: unknown };
  try {
    config = (JSON.parse(text) ?? {}) as typeof config;
  } catch {
    return refuse(excerpt(text));
  }
  const jobs = (config.cluster ?? {}) as Readonly<Record<string, unknown>>;
  const hostsOf = (name: string): readonly string[] => {
    const hosts = jobs[name] ?? [];
    const isList = Array.isArray(hosts) && hosts.every((host) => typeof host === 'string');
    return isList ? (hosts as string[]) : refuse(`${name}: ${excerpt(JSON.stringify(hosts))}`);
  };
  // What Kubeflow's TFJob calls the worker that saves, if it sets one apart.
  const chiefs = [...hostsOf('chief'), ...hostsOf('master')];
  const hosts = { worker: [...chiefs, ...hostsOf('worker')], ps: hostsOf('ps') };
  if (hosts.worker.length <= 1 && hosts.ps.length === 0) return undefined;
  const { type, index } = (config.task ?? {}) as {
    readonly type?: unknown;
    readonly index?: unknown;
  };
  if (!Number.isSafeInteger(index)) refuse(`the task ${excerpt(JSON.stringify(config.task))}`);
  const number = index as number;
  if (type === 'ps') return { hosts, task: { job: 'ps', index: number } };
  if (type === 'chief' || type === 'master')
    return { hosts, task: { job: 'worker', index: number } };
  if (type === 'worker') {
    return { hosts, task: { job: 'worker', index: chiefs.length + number } };
  }
  return refuse(`a task of type ${JSON.stringify(type)}, which losslens has no part for`);
}

/** @throws UsageError  for hosts and numbers that do not fit together */
function expectTogether(hosts: Hosts, { job, index }: Task, options: ClusterOptions): void {
  const all = [...hosts.worker, ...hosts.ps];
  const wrong = all.find((host) => !hostPattern.test(host));
  if (wrong !== undefined) {
    throw new UsageError(`--worker_hosts, --ps_hosts: got "${wrong}"; expected HOST:PORT.`);
  }
  const twice = all.find((host, i) => all.indexOf(host) < i);
  if (twice !== undefined) {
    throw new UsageError(
      `--worker_hosts, --ps_hosts: got ${twice} twice; expected a port of its own for each process.`,
    );
  }
  if (hosts.worker.length === 0) {
    throw new UsageError('--worker_hosts: got none; expected HOST:PORT of at least one worker.');
  }
  if (isWithoutServers(hosts) && (job === 'ps' || hosts.worker.length === 1)) {
    throw new UsageError(
      job === 'ps'
        ? '--ps_hosts: got none; expected HOST:PORT of each parameter server, of which this process is one.'
        : '--worker_hosts: got one, and no --ps_hosts; expected a second worker or a parameter server. Leave --job_name out to train in one process.',
    );
  }
  if (index < 0 || index >= hosts[job].length) {
    throw new UsageError(
      `--task: got ${index}; expected 0 to ${hosts[job].length - 1}, since --${job}_hosts names ${hosts[job].length}.`,
    );
  }
  expectNumber('worker_replicas', options.worker_replicas, 1, hosts.worker.length, 'worker_hosts');
  expectNumber('num_ps_tasks', options.num_ps_tasks, 0, hosts.ps.length, 'ps_hosts');
  const { replicas_to_aggregate: aggregated = hosts.worker.length } = options;
  if ((options.sync_replicas || isWithoutServers(hosts)) && aggregated !== hosts.worker.length) {
    throw new UsageError(
      `--replicas_to_aggregate: got ${aggregated}; expected ${hosts.worker.length}, as many as there are workers: of fewer, the gradients of some items would be dropped.`,
    );
  }
}

function expectNumber(
  flag: string,
  given: number,
  unset: number,
  hosts: number,
  hostsFlag: string,
): void {
  if (given === unset || given === hosts) return;
  throw new UsageError(`--${flag}: got ${given}; --${hostsFlag} names ${hosts}.`);
}
