/** What a parameter server does: TensorFlow's server keeps the variables, while this process waits for the end. */
import { Cleanup } from '../cleanup.ts';
import { type Cluster, chief } from '../cluster/cluster.ts';
import { tell } from '../terminal.ts';
import { leaveEndToChief } from './workerRun.ts';

/**
 * Serves until the chief says that the training is over.
 *
 * @returns           the exit code: 0
 * @throws UserError  when the chief or another parameter server is gone
 */
export async function runServer(joining: Promise<Cluster>): Promise<number> {
  return await Cleanup.after(async (cleanup) => {
    cleanup.add(async () => (await joining).close());
    const cluster = await joining;
    leaveEndToChief(cluster, cleanup);
    const mailbox = await cluster.openMailbox();
    tell(`${cluster.describe(cluster.place.task)}: serves ${cluster.describe(chief)}`);
    await mailbox.receive();
    cluster.engine.endWatch();
    await mailbox.close();
    return 0;
  });
}
