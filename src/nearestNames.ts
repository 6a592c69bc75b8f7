/** Names that somebody may have meant. */
import { distance } from 'fastest-levenshtein';

/**
 * The names that are most like a word, case aside, the nearest first.
 *
 * @param names  those that exist; of equally near ones the first ones are taken
 * @param count  how many are returned at most
 */
export function nearestNames(word: string, names: Iterable<string>, count: number): string[] {
  const lower = word.toLowerCase();
  const depth = word.split('/').length;
  return [...names]
    .map((name) => {
      // Who leaves out the beginning of a path means its end.
      const end = name.toLowerCase().split('/').slice(-depth).join('/');
      return { name, edits: distance(lower, end) };
    })
    .sort((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ name }) => name);
}
