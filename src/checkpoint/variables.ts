/** The values of a graph's variables, from a checkpoint. */
import type { HostTensor } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { shapeText } from '../graph/shape.ts';
import { openCheckpoint } from './checkpoints.ts';

type Shape = readonly number[];

const areEqual = (a: Shape, b: Shape) => a.length === b.length && a.every((n, i) => n === b[i]);

/** Variables that a checkpoint holds with another shape. */
interface Mismatch {
  readonly name: string;
  readonly found: Shape;
  readonly expected: Shape;
}

/**
 * The numbers of classes of checkpoint and graph where nothing else can be wrong: all shapes that
 * differ do so by the same two numbers, in their last size.
 */
function differentClasses(
  mismatches: readonly Mismatch[],
): [found: number, expected: number] | null {
  const [first] = mismatches.map(({ found, expected }) => [found.at(-1), expected.at(-1)] as const);
  if (first?.[0] === undefined || first[1] === undefined) return null;
  const isTheSame = ({ found, expected }: Mismatch) =>
    areEqual(found.slice(0, -1), expected.slice(0, -1)) &&
    found.at(-1) === first[0] &&
    expected.at(-1) === first[1];
  return mismatches.every(isTheSame) ? [first[0], first[1]] : null;
}

function shapeError(path: string, mismatches: readonly Mismatch[], hint: string): UserError {
  const { name, found, expected } = mismatches[0]!;
  const shapes = `holds ${name} of ${shapeText(found)}; this network has ${shapeText(expected)}`;
  const classes = differentClasses(mismatches);
  if (classes === null) return new UserError(`${path}: ${shapes}. ${hint}`.trimEnd());
  const remedy =
    hint || 'Name all classes of the network, in its order, in labels.txt of the data.';
  return new UserError(
    `${path}: ${shapes}: it was trained for ${classes[0]} classes, and is used for ${classes[1]}. ${remedy}`,
  );
}

/**
 * Reads the values of variables from a checkpoint.
 *
 * @param path  its prefix
 * @param hint  a sentence for errors: what can be done
 * @throws UserError  when one is missing or has another shape
 */
export async function readVariables(
  path: string,
  variables: readonly Variable[],
  hint = '',
): Promise<Record<string, HostTensor>> {
  const bundle = await openCheckpoint(path);
  const mismatches: Mismatch[] = [];
  for (const { name, shape: expected } of variables) {
    const found = bundle.shapes.get(name);
    if (found === undefined) {
      throw new UserError(
        `${path}: holds no variable ${name}; expected one of shape ${shapeText(expected)}. ${hint}`.trimEnd(),
      );
    }
    if (!areEqual(found, expected)) mismatches.push({ name, found, expected });
  }
  if (mismatches.length > 0) throw shapeError(path, mismatches, hint);
  const values: Record<string, HostTensor> = {};
  for (const { name, shape } of variables) {
    const { data } = await bundle.read(name);
    values[name] = { data: Float32Array.from(data as Float32Array), shape };
  }
  return values;
}
