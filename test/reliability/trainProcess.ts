/**
 * A process that does `losslens train` for one folder after the other, as messages ask for it: to load its
 * code takes a small run most of its time.
 */
import { Command } from 'commander';
import { declareTrain } from '../../src/commands/train.ts';

/** How a run ended: its exit code, or what it threw. */
export interface TrainResult {
  readonly code: number | null;
  readonly problem: string;
}

async function train(flags: string[]): Promise<TrainResult> {
  const command = new Command().exitOverride();
  declareTrain(command);
  try {
    await command.parseAsync(flags, { from: 'user' });
    return { code: Number(process.exitCode), problem: '' };
  } catch (error) {
    return { code: null, problem: (error as Error).stack ?? String(error) };
  }
}

process.on('message', async (flags: string[]) => {
  const result = await train(flags);
  process.exitCode = 0;
  process.send?.(result);
});
