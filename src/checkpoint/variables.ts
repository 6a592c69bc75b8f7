/** The values of a graph's variables, from a checkpoint. */
import type { HostTensor } from '../engines/engine.ts';
import { UsageError, UserError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { shapeText } from '../graph/shape.ts';
import { openCheckpoint, readLatest } from './checkpoints.ts';
import { firstNonFinite } from './nonFinite.ts';

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

/** Whether two shapes differ in one size alone, which is this one. */
function differAt(axis: number, { found, expected }: Mismatch): boolean {
  const without = (shape: Shape) => shape.toSpliced(axis, 1);
  return found[axis] !== expected[axis] && areEqual(without(found), without(expected));
}

/** What the first weights that differ tell of the images, and what can be done; undefined for nothing. */
function differentImages(
  mismatch: Mismatch,
): { readonly cause: string; readonly remedy: string } | undefined {
  const { found, expected } = mismatch;
  const channels = [found[2], expected[2]];
  const areChannels = channels.includes(1) && channels.includes(3);
  // Of a convolution [height, width, channels, filters].
  if (found.length === 4 && differAt(2, mismatch) && areChannels) {
    const cause = `it was trained on images of ${channels[0]} channels (1 grey, 3 colour), and is used on images of ${channels[1]}`;
    const remedy =
      expected[2] === 3
        ? 'Give --use_grayscale.'
        : 'Give images in colour, and leave --use_grayscale out.';
    return { cause, remedy };
  }
  // Of a layer behind a flattened one [values, outputs].
  if (found.length === 2 && differAt(0, mismatch)) {
    return {
      cause: 'perhaps it was trained on images of another size',
      remedy:
        'Give the size that its run had (--train_image_size; to evaluate, predict and export --eval_image_size).',
    };
  }
  return undefined;
}

function shapeError(path: string, mismatches: readonly Mismatch[], hint: string): UsageError {
  const { name, found, expected } = mismatches[0]!;
  const shapes = `holds ${name} of ${shapeText(found)}; this network has ${shapeText(expected)}`;
  const classes = differentClasses(mismatches);
  if (classes === null) {
    const images = differentImages(mismatches[0]!);
    const cause = images === undefined ? '' : `: ${images.cause}`;
    return new UsageError(
      `${path}: ${shapes}${cause}. ${hint || (images?.remedy ?? '')}`.trimEnd(),
    );
  }
  const remedy =
    hint ||
    'Name the data that it was trained on, or in labels.txt of the data all classes of the network, in its order.';
  return new UsageError(
    `${path}: ${shapes}: it was trained for ${classes[0]} classes, and is used for ${classes[1]}. ${remedy}`,
  );
}

/**
 * Reads the values of variables from a checkpoint.
 *
 * @param path  its prefix
 * @param hint  a sentence for errors: what can be done
 * @throws UsageError  when one is missing or has another shape: flags name another network, or other data
 * @throws UserError  when one cannot be read or is not finite
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
      const remedy = hint || 'Name the network that it is of (--model_name).';
      throw new UsageError(
        `${path}: holds no variable ${name}; expected one of shape ${shapeText(expected)}. ${remedy}`,
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
  const bad = firstNonFinite(variables, values);
  if (bad !== undefined) {
    throw new UserError(
      `${path}: ${bad.name} holds ${bad.value}; expected finite numbers. Take a checkpoint from before the training diverged.`,
    );
  }
  return values;
}

/**
 * The same of the checkpoint that a path stands for, as `readLatest` finds it.
 *
 * @param path  as --checkpoint_path has it
 * @returns     the prefix of what was read, too
 */
export function readLatestVariables(
  path: string,
  variables: readonly Variable[],
  hint = '',
): Promise<{ checkpoint: string; values: Record<string, HostTensor> }> {
  return readLatest(path, async (checkpoint) => ({
    checkpoint,
    values: await readVariables(checkpoint, variables, hint),
  }));
}
