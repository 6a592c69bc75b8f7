/** `losslens review`: a page on which people decide about the most suspicious items of a run. */
import type { Command } from 'commander';
import { untilInterrupted } from '../console/interrupt.ts';
import { reviewScores } from '../insitu/scores.ts';
import { show } from '../terminal.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, type FlagValues, integer, optionalPath, optionalText, path } from './flags.ts';
import { ofRunFlags } from './ofRunFlags.ts';
import { engineFlagEffects, undrawnDataFlagEffects } from './trainFlagEffects.ts';

const reviewFlags = {
  Review: {
    train_dir: path('runs/train', 'folder of the run'),
    top: integer(200, 'items on the page: the most suspicious ones', { min: 1 }),
    rank_by: optionalText(
      `score that chooses and sorts them, a column of items.csv; by default ${reviewScores[0]}`,
    ),
    num_views: integer(
      64,
      'items that get a Monitoring View of the latest checkpoint at Hm; 0 for none',
      { min: 0 },
    ),
    output_dir: optionalPath('folder for review.html and review.csv; by default train_dir'),
  },
  ...ofRunFlags,
};

async function review(given: FlagValues<typeof reviewFlags>, signal: AbortSignal): Promise<void> {
  const { resolveRunFlags } = await import('./runFlags.ts');
  const { reviewRun } = await import('../review/reviewRun.ts');
  const { train_dir, top, rank_by, num_views, output_dir, ...ofRun } = given;
  const flags = await resolveRunFlags(train_dir, ofRun, true, undrawnDataFlagEffects);
  const options = { ...flags, ...{ train_dir, top, rank_by, num_views, output_dir } };
  const { page, items, expectation } = await reviewRun(options, signal);
  show(
    `${page}: ${items} items; open it in a browser, save labels.csv, and train again with --labels_file=labels.csv\n`,
  );
  if (expectation !== undefined) show(`${expectation}\n`);
}

/** Declares the flags and the action of `losslens review`. */
export function declareReview(command: Command): void {
  withEffects(addFlags(command, reviewFlags), engineFlagEffects).action(
    (given: FlagValues<typeof reviewFlags>) => untilInterrupted((signal) => review(given, signal)),
  );
}
