/** One run of `losslens train`, from its flags to its exit code. */
import { Cleanup } from '../cleanup.ts';
import type { SelectedEngine } from '../engines/select.ts';
import { lockFolder } from '../files/folderLock.ts';
import { tell } from '../terminal.ts';
import { concludeRun, isConcluded } from './concludeRun.ts';
import { openRun } from './openRun.ts';
import { planRun } from './planRun.ts';
import { recordPlan } from './recordPlan.ts';
import type { RunOptions } from './runOptions.ts';
import { train } from './trainer.ts';

/**
 * Trains.
 *
 * @param selecting  the engine, where it is loading already
 * @returns  the exit code: 0, or 128 plus the number of the signal that interrupted it
 * @throws UserError  for what the user can mend
 */
export async function runTraining(
  options: RunOptions,
  selecting?: Promise<SelectedEngine>,
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
      return 0;
    }
    const run = await openRun(plan, lock, cleanup);
    await recordPlan(run);
    return await concludeRun(run, await train(run));
  });
}
