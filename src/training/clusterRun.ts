/** One process of a training by several, by the part that it has in it. */
import { Cluster } from '../cluster/cluster.ts';
import { type ClusterPlace, flagsOfPlace, isChief } from '../cluster/clusterPlace.ts';
import { isWithoutServers } from '../engines/distributed/hosts.ts';
import { prepareGpus } from '../engines/select.ts';
import { UsageError } from '../errors.ts';
import { tell } from '../terminal.ts';
import { runTraining } from './run.ts';
import type { RunOptions } from './runOptions.ts';
import { runServer } from './serverRun.ts';
import { runWorker } from './workerRun.ts';

/**
 * Trains with others, or serves those who do.
 *
 * @returns           the exit code
 * @throws UserError  for what the user can mend
 */
export async function runInCluster(given: RunOptions, place: ClusterPlace): Promise<number> {
  expectClusterFlags(given);
  if (isChief(place) && isWithoutServers(place.hosts) && !given.sync_replicas) {
    tell('note: without parameter servers workers update together, as with --sync_replicas');
  }
  // Variables are kept where all can reach them alike.
  await prepareGpus(place.task.job === 'ps' ? { clone_on_cpu: true } : given);
  const leaving = new AbortController();
  const joining = Cluster.join(place, leaving.signal);
  try {
    return await runTask({ ...given, ...flagsOfPlace(place) }, place, joining);
  } finally {
    leaving.abort();
    await joining.then(
      (cluster) => cluster.close(),
      () => {},
    );
  }
}

function runTask(
  options: RunOptions,
  place: ClusterPlace,
  joining: Promise<Cluster>,
): Promise<number> {
  // Whatever else is wrong is said first.
  joining.catch(() => {});
  if (place.task.job === 'ps') return runServer(joining);
  if (!isChief(place)) return runWorker(options, joining);
  const selecting = joining.then(({ engine }) => ({
    engine,
    reason: `workers: ${place.hosts.worker.length}, parameter servers: ${place.hosts.ps.length}`,
  }));
  selecting.catch(() => {});
  return runTraining(options, selecting, joining);
}

/** @throws UsageError  for what only a training by one process offers */
function expectClusterFlags({ engine, deterministic, num_clones }: RunOptions): void {
  if (num_clones > 1) {
    throw new UsageError(
      `--num_clones: got ${num_clones}; expected 1 in a training by several processes: start a worker for each GPU.`,
    );
  }
  if (engine === 'wasm') {
    throw new UsageError(
      '--engine: got wasm; expected tensorflow, which alone trains by several processes.',
    );
  }
  if (deterministic) {
    throw new UsageError(
      '--deterministic: workers add up their gradients as they come; expected a training by one process.',
    );
  }
}
