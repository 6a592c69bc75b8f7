/** One run of `losslens train`, from its flags to its exit code. */
import { Cleanup } from '../cleanup.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { updatingOf } from '../cluster/updating.ts';
import { interruptedExitCode, interruptSignal, unlessAborted } from '../console/interrupt.ts';
import type { SelectedEngine } from '../engines/select.ts';
import { lockFolder } from '../files/folderLock.ts';
import { tell } from '../terminal.ts';
import { concludeRun, isConcluded } from './concludeRun.ts';
import { fingerprintOf } from './fingerprint.ts';
import { openRun } from './openRun.ts';
import { planRun, type RunPlan } from './planRun.ts';
import { recordPlan, recordVocabulary } from './recordPlan.ts';
import { concludedLine } from './runMessages.ts';
import type { RunOptions } from './runOptions.ts';
import { train } from './trainer.ts';

/**
 * Trains. A signal that asks the process to end stops it: before the first step nothing is left, then all
 * that was trained.
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
  let stopping = 'stopping';
  let say = tell;
  const { signal, release } = interruptSignal((name) =>
    say(`${name}: ${stopping}; once more ends it at once`),
  );
  try {
    return await Cleanup.after(async (cleanup) => {
      // First of all: a plan is made of checkpoints that another process may be writing.
      const lock = await lockFolder(options.train_dir, '--train_dir', { signal });
      cleanup.add(() => lock.release());
      const plan = await unlessAborted(signal, planRun(options, selecting));
      if (isConcluded(plan)) {
        // Made again of the data where it was deleted: without it no command can read texts for the network.
        await recordVocabulary(plan);
        tell(concludedLine(plan));
        await sendHome(plan, joining && (await unlessAborted(signal, joining)), signal);
        return 0;
      }
      const run = await openRun(plan, lock, cleanup, signal, await joining);
      signal.throwIfAborted();
      await recordPlan(run);
      signal.throwIfAborted();
      say = (line) => run.progress.message(line);
      stopping = 'stopping after this step';
      const result = await train(run);
      stopping = 'writing what the run leaves';
      const exitCode = await concludeRun(run, result);
      await run.team?.dismissServers();
      return exitCode;
    });
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    tell('stopped before its first step');
    return interruptedExitCode(signal);
  } finally {
    release();
  }
}

/** Has the other processes of a cluster end in which there is nothing to do. */
async function sendHome(
  plan: RunPlan,
  cluster: Cluster | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (cluster === undefined) return;
  const { Team } = await import('../cluster/team.ts');
  const gathering = Team.gather(cluster, {
    fingerprint: fingerprintOf(plan, cluster.engine.version),
    updating: updatingOf(plan.options),
    report: tell,
    itemsLeft: () => '',
  });
  const team = await unlessAborted(signal, gathering);
  await team.dismiss();
  await team.dismissServers();
}
