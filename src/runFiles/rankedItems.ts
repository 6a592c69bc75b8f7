/** The items of a run that one of its scores ranks first. */
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { defaultScore, reviewScores, scores } from '../insitu/scores.ts';
import { nearestNames } from '../nearestNames.ts';
import { type RankedItems, readRankedItems } from './scoredItems.ts';

/**
 * Reads them from the run's `items.csv`.
 *
 * @param rankBy  name of the score, a column of the file; undefined for that of `reviewScores` which the run has
 * @param count   items at most
 * @returns       with the `disagreement` of all items, or the score that ranks where the run has none
 * @throws UsageError  for a score that the run does not have
 * @throws UserError   when the file is missing or damaged
 */
export function rankedItemsOfRun(
  folder: string,
  rankBy: string | undefined,
  count: number,
): Promise<RankedItems> {
  return readRankedItems(join(folder, 'items.csv'), count, (names) => {
    const name = rankBy ?? reviewScores.find((score) => names.includes(score)) ?? defaultScore;
    if (names.includes(name)) {
      const ofAll = names.includes('disagreement') ? 'disagreement' : name;
      return { name, first: scores.get(name)?.first ?? 'highest', ofAll };
    }
    const [nearest] = nearestNames(name, names, 1, 0.4);
    const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    throw new UsageError(`--rank_by: got "${name}"; expected one of ${names.join(', ')}.${hint}`);
  });
}
