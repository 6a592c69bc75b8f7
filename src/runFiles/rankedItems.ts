/** The items of a run that one of its scores ranks first. */
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { scores } from '../insitu/scores.ts';
import { nearestNames } from '../nearestNames.ts';
import { type RankedItems, readRankedItems } from './scoredItems.ts';

/**
 * Reads them from the run's `items.csv`.
 *
 * @param rankBy  name of the score, a column of the file
 * @param count   items at most
 * @throws UsageError  for a score that the run does not have
 * @throws UserError   when the file is missing or damaged
 */
export function rankedItemsOfRun(
  folder: string,
  rankBy: string,
  count: number,
): Promise<RankedItems> {
  return readRankedItems(join(folder, 'items.csv'), count, (names) => {
    if (names.includes(rankBy)) {
      return { name: rankBy, first: scores.get(rankBy)?.first ?? 'highest' };
    }
    const [nearest] = nearestNames(rankBy, names, 1, 0.4);
    const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    throw new UsageError(`--rank_by: got "${rankBy}"; expected one of ${names.join(', ')}.${hint}`);
  });
}
