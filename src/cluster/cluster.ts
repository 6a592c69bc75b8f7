/** The processes that train one network, as one of them sees them. */
import { unlessAborted } from '../console/interrupt.ts';
import { ClusterEngine } from '../engines/distributed/clusterEngine.ts';
import { chief, describeTask, type Task } from '../engines/distributed/hosts.ts';
import { lookFor } from '../engines/distributed/look.ts';
import { awaitTasks, silenceLine } from '../engines/distributed/presence.ts';
import { UserError } from '../errors.ts';
import { tell } from '../terminal.ts';
import type { ClusterPlace } from './clusterPlace.ts';
import { expectSameHosts, publishHosts } from './hostsCheck.ts';
import type { Letter } from './letters.ts';
import { Mailbox } from './mailbox.ts';

/** A process of a cluster whose server runs. */
export class Cluster {
  readonly place: ClusterPlace;
  readonly engine: ClusterEngine;

  private constructor(place: ClusterPlace, engine: ClusterEngine) {
    this.place = place;
    this.engine = engine;
  }

  /**
   * Starts the server of a process, and waits for those that it depends on: the parameter servers, and the chief.
   * From then on one of them that goes ends whatever waits.
   *
   * @param signal      ends the waiting
   * @throws UserError  naming who did not come, or when this process runs already, or was started with other hosts
   */
  static async join(place: ClusterPlace, signal: AbortSignal): Promise<Cluster> {
    const { hosts, task, timeoutSeconds } = place;
    // Of two of one name TensorFlow takes the second for the first, started again.
    if ((await lookFor(hosts, task)).found === 'process') {
      throw new UserError(
        `cluster: ${describeTask(hosts, task)} runs already; expected one process for each --task of a job.`,
      );
    }
    const engine = ClusterEngine.start(hosts, task);
    const cluster = new Cluster(place, engine);
    try {
      await publishHosts(engine);
      await awaitTasks(hosts, cluster.#leaders, timeoutSeconds, signal, tell);
      cluster.watchLeaders(tell);
      // Before anything of the training is touched: letters are for a task, whoever asks for them.
      const comparing = expectSameHosts(engine, cluster.#leaders, timeoutSeconds, signal);
      await unlessAborted(signal, comparing);
    } catch (error) {
      cluster.close();
      throw error;
    }
    return cluster;
  }

  /**
   * From now on, whatever waits fails when one of these processes, which are there, goes; others may.
   *
   * @param report  takes a line on one that gives no answer
   * @param needed  others that are named when something fails since they are gone
   */
  watch(
    tasks: readonly Task[],
    report: (line: string) => void,
    needed: readonly Task[] = [],
  ): void {
    const listen = (task: Task, isSilent: boolean) =>
      report(silenceLine(this.place.hosts, task, isSilent));
    this.engine.watch(tasks, listen, needed);
  }

  /** The same of those that any cluster needs: the chief and the parameter servers. */
  watchLeaders(report: (line: string) => void, needed: readonly Task[] = []): void {
    this.watch(this.#leaders, report, needed);
  }

  get #leaders(): readonly Task[] {
    const own = this.place.task;
    return [chief, ...this.servers].filter(
      ({ job, index }) => job !== own.job || index !== own.index,
    );
  }

  /** The parameter servers. */
  get servers(): readonly Task[] {
    return this.place.hosts.ps.map((_, index) => ({ job: 'ps', index }));
  }

  /** The workers but for the chief. */
  get others(): readonly Task[] {
    return this.place.hosts.worker.slice(1).map((_, i) => ({ job: 'worker', index: i + 1 }));
  }

  /** Opens the mailbox of this process. */
  openMailbox(): Promise<Mailbox<Letter>> {
    const addresses = [chief, ...this.others, ...this.servers];
    return Mailbox.open<Letter>(this.engine, this.place.task, addresses);
  }

  /** Gives up what waits for other processes still, so that this one can end. */
  close(): void {
    this.engine.endWatch();
    this.engine.abandon(new UserError('cluster: this process ends.'));
  }

  /** For people: "worker 1 at 10.0.0.3:2222". */
  describe(task: Task): string {
    return describeTask(this.place.hosts, task);
  }
}
