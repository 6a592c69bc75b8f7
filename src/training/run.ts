/** One run of `losslens train`, from its flags to its exit code. */
import { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { Team } from '../cluster/team.ts';
import type { SelectedEngine } from '../engines/select.ts';
import { lockFolder } from '../files/folderLock.ts';
import { tell } from '../terminal.ts';
import { concludeRun, isConcluded } from './concludeRun.ts';
import { fingerprintOf } from './fingerprint.ts';
import { openRun } from './openRun.ts';
import { planRun, type RunPlan } from './planRun.ts';
import { recordPlan } from './recordPlan.ts';
import type { RunOptions } from './runOptions.ts';
import { train } from './trainer.ts';

/**
 * Trains.
 *
 * @param selecting  the engine, where it is loading already
 * @param joining    the cluster that it is the engine of, whose chief this process is
 * @returns  the exit code: 0, or 128 plus the number of the signal that interrupted it
 * @throws UserError  for what the user can mend
 */
export async function runTraining(
  options: RunOptions,
  selecting?: Promise<SelectedEngine>,
  joining?: Promise<Cluster>,
): Promise<number> {
  return await Cleanup.after(async (cleanup) => {
    // First of all: a plan is made of checkpoints that another process may be writing.
    const lock = await lockFolder(options.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const plan = await planRun(options, selecting);
    if (isConcluded(plan)) {
      tell(
        `${options.train_dir} holds a run of ${plan.start.step} steps already: ` +
          'raise --max_number_of_steps to go on with it, or name another --train_dir.',
      );
      await sendHome(plan, await joining);
      return 0;
    }
    const run = await openRun(plan, lock, cleanup, await joining);
    await recordPlan(run);
    const exitCode = await concludeRun(run, await train(run));
    await run.team?.dismissServers();
    return exitCode;
  });
}

/** Has the other processes of a cluster end in which there is nothing to do. */
async function sendHome(plan: RunPlan, cluster: Cluster | undefined): Promise<void> {
  if (cluster === undefined) return;
  const team = await Team.gather(cluster, fingerprintOf(plan, cluster.engine.version), tell);
  await team.dismiss();
  await team.dismissServers();
}
