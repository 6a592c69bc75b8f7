/** Interrupts of processes that the chief decides on. */
import type { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { chief, isWithoutServers } from '../engines/distributed/hosts.ts';
import { tell } from '../terminal.ts';

/**
 * Has the first interrupt of this process do nothing but say who ends the training: the chief needs all others for its
 * last step. The second one ends it.
 */
export function leaveEndToChief(cluster: Cluster, cleanup: Cleanup): void {
  const { hosts, task } = cluster.place;
  const isNeeded = task.job === 'ps' || isWithoutServers(hosts);
  const lost = isNeeded ? ', and with it the training' : '';
  const { release } = interruptSignal((name) =>
    tell(
      `${name}: ${cluster.describe(chief)} ends the training: interrupt that; once more ends this process alone${lost}`,
    ),
  );
  cleanup.add(release);
}
