/** One process of a training by several, by the part that it has in it. */
import { Cluster } from '../cluster/cluster.ts';
import { type ClusterPlace, flagsOfPlace, isChief } from '../cluster/clusterPlace.ts';
import { UsageError } from '../errors.ts';
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
  const options = { ...given, ...flagsOfPlace(place) };
  const joining = Cluster.join(place);
  // Whatever else is wrong is said first.
  joining.catch(() => {});
  if (place.task.job === 'ps') return await runServer(joining);
  if (!isChief(place)) return await runWorker(options, joining);
  const selecting = joining.then(({ engine }) => ({
    engine,
    reason: `with ${place.hosts.worker.length} workers and ${place.hosts.ps.length} parameter servers`,
  }));
  selecting.catch(() => {});
  return await runTraining(options, selecting, joining);
}

/** @throws UsageError  for what only a training by one process offers */
function expectClusterFlags({ engine, deterministic }: RunOptions): void {
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
