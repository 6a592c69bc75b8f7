/** What a parameter server does: TensorFlow's server keeps the variables, while this process waits for the end. */
import { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { chief } from '../engines/distributed/hosts.ts';
import { startAgain } from '../engines/distributed/presence.ts';
import { UserError } from '../errors.ts';
import { tell } from '../terminal.ts';
import { leaveEndToChief } from './leaveEndToChief.ts';

/**
 * Serves until the chief says that the training is over.
 *
 * @returns           the exit code: 0
 * @throws UserError  when the chief or another parameter server is gone, or the chief was started again
 */
export async function runServer(joining: Promise<Cluster>): Promise<number> {
  return await Cleanup.after(async (cleanup) => {
    const cluster = await joining;
    leaveEndToChief(cluster, cleanup);
    const mailbox = await cluster.openMailbox();
    tell(`${cluster.describe(cluster.place.task)}: serves ${cluster.describe(chief)}`);
    await mailbox.receive();
    if ((await mailbox.receive()).kind === 'began') {
      // What the one before has left here would mix with what comes.
      throw new UserError(
        `cluster: ${cluster.describe(chief)} was started again while this process went on. ${startAgain()}`,
      );
    }
    cluster.engine.endWatch();
    await mailbox.close();
    return 0;
  });
}
