/** Names that somebody may have meant. */
import { distance } from 'fastest-levenshtein';

/** Shorter words are in too many names. */
const minContained = 3;

/** Letters of a word to change for a name; less than one where it is a part of the name. */
function edits(word: string, name: string): number {
  const isPart = word.length >= minContained && name.includes(word);
  return isPart ? 1 - word.length / name.length : distance(word, name);
}

/**
 * The names that are most like a word, case aside, the nearest first; first come those that it is a
 * part of. Where it is a path, the ends of longer ones are compared with it.
 *
 * @param names  those that exist; of equally near ones the first ones are taken
 * @param count  how many are returned at most
 * @param maxShare  of the letters of a name that may have to be changed, 0..1
 */
export function nearestNames(
  word: string,
  names: Iterable<string>,
  count: number,
  maxShare = 1,
): string[] {
  const lower = word.toLowerCase();
  const depth = word.split('/').length;
  return [...names]
    .map((name) => {
      const end = name.toLowerCase().split('/').slice(-depth).join('/');
      return { name, end, edits: edits(lower, end) };
    })
    .filter(({ end, edits }) => edits <= Math.max(1, maxShare * Math.max(end.length, lower.length)))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ name }) => name);
}
