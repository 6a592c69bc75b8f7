/** The processes of a cluster, and where each of them listens. */

/** What a process does: it trains, or it keeps variables. */
export const jobNames = ['worker', 'ps'] as const;
/** One of them. */
export type JobName = (typeof jobNames)[number];

/** One process of a cluster. */
export interface Task {
  readonly job: JobName;
  /** Among those of its job, from 0. Worker 0 is the chief. */
  readonly index: number;
}

/** Worker 0, which initialises, records and saves. */
export const chief: Task = { job: 'worker', index: 0 };

/** HOST:PORT of each process, by job and index. */
export type Hosts = Readonly<Record<JobName, readonly string[]>>;

/** Whether each worker keeps all variables itself: there are no parameter servers. */
export function isWithoutServers({ ps }: Pick<Hosts, 'ps'>): boolean {
  return ps.length === 0;
}

/** Where a process of the cluster listens. */
export function hostOf(hosts: Hosts, { job, index }: Task): string {
  return hosts[job][index]!;
}

/** For people: "the chief 10.0.0.2:2222", "worker 1 at …", "parameter server 0 at …". */
export function describeTask(hosts: Hosts, task: Task): string {
  const { job, index } = task;
  const role =
    job === 'ps' ? `parameter server ${index}` : index === 0 ? 'the chief' : `worker ${index}`;
  return `${role} at ${hostOf(hosts, task)}`;
}

/** As TensorFlow names a process: "/job:worker/task:1". */
export function deviceOfTask({ job, index }: Task): string {
  return `/job:${job}/task:${index}`;
}
