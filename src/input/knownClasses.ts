/** Labels as a network knows them: a class is its name, whatever position data give it. */
import type { Dataset } from '../../datasets/dataset.ts';
import { comparable } from '../../datasets/labels/classNames.ts';
import { UsageError } from '../errors.ts';
import { tell } from '../terminal.ts';

/** Names that are listed in an error at most. */
const maxListed = 20;

function listed(names: readonly string[]): string {
  const more = names.length - maxListed;
  return names.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Whether classes have no names but their labels, which is what data without names give them. */
export function areNumbers(names: readonly string[]): boolean {
  return names.every((name, label) => name === String(label));
}

/** Where each class of a data set is in a network; undefined where the network does not know it. */
function positions(
  { name, split, classNames }: Dataset,
  known: readonly string[],
): readonly (number | undefined)[] {
  const byName = new Map(known.map((className, label) => [comparable(className), label]));
  const found = classNames.map((className) => byName.get(comparable(className)));
  const lackNames = areNumbers(classNames)
    ? `${name} ${split}`
    : areNumbers(known) && 'the network';
  if (!lackNames) return found;
  if (found.some((label) => label !== undefined)) {
    // Names hold, but a number that is another class's place could have meant that one.
    const isAmbiguous = found.some((place, label) => place !== undefined && place !== label);
    if (isAmbiguous) {
      tell(
        `the classes of ${lackNames} have no names but numbers: labels of ${name} ${split} are taken for the classes that have these for names, not by their places`,
      );
    }
    return found;
  }
  tell(`the classes of ${lackNames} have no names: labels of ${name} ${split} are taken by number`);
  return classNames.map((_, label) => (label < known.length ? label : undefined));
}

/** Says in which order classes are taken for those of a network of which no `run.json` has the names. */
export function tellOfClassOrder({ classNames }: Pick<Dataset, 'classNames'>): void {
  if (areNumbers(classNames)) return;
  tell(
    `no run.json beside the checkpoint names its classes; they are taken in this order: ${listed(classNames)}`,
  );
}

/**
 * A data set with the labels and classes of a network. Classes that no item has may be missing, and
 * come in any order, which is said. Where one side has numbers for names and the other none of these, labels are
 * taken as they are. Both readings are said where there could be another.
 *
 * @param known  names of the network's classes by label
 * @param advice  what can be done about classes that are not known
 * @param flag    that chose the data, for errors; undefined where it may be none of the command line's
 * @throws UsageError  listing the classes of items that the network does not know
 */
export function withKnownClasses<D extends Dataset>(
  dataset: D,
  known: readonly string[],
  advice = 'Leave them out (--labels_file with the decision drop), or train a network with them.',
  flag?: string,
): D {
  const { classNames } = dataset;
  if (classNames.length === known.length && classNames.every((name, i) => name === known[i])) {
    return dataset;
  }
  const position = positions(dataset, known);
  const present = new Set(Array.from(dataset.items, (itemIndex) => dataset.labels[itemIndex]!));
  const unknown = classNames.filter(
    (_, label) => present.has(label) && position[label] === undefined,
  );
  if (unknown.length > 0) {
    const where = flag === undefined ? '' : `${flag}: `;
    throw new UsageError(
      `${where}${dataset.name} ${dataset.split} has items of classes that the network does not know: ${listed(unknown)}; expected some of its ${known.length}: ${listed(known)}. ${advice}`,
    );
  }
  const places = position.filter((place) => place !== undefined);
  if (places.some((place, i) => i > 0 && place < places[i - 1]!)) {
    tell(
      `the classes of ${dataset.name} ${dataset.split} are in another order than those of the network: labels are taken by name`,
    );
  }
  // An item that is left out may be of any class: -1 is the label of none.
  const labels = Int32Array.from(dataset.labels, (label) => position[label] ?? -1);
  return { ...dataset, labels, classNames: known };
}
