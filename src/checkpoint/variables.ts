/** The values of a graph's variables, from a checkpoint. */
import type { HostTensor } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Variable } from '../graph/graph.ts';
import { shapeText } from '../graph/shape.ts';
import { openCheckpoint } from './checkpoints.ts';

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
  const values: Record<string, HostTensor> = {};
  for (const { name, shape } of variables) {
    const found = bundle.shapes.get(name);
    if (found === undefined) {
      throw new UserError(
        `${path}: holds no variable ${name}; expected one of shape ${shapeText(shape)}. ${hint}`.trimEnd(),
      );
    }
    if (found.length !== shape.length || found.some((size, i) => size !== shape[i])) {
      throw new UserError(
        `${path}: holds ${name} of ${shapeText(found)}; this network has ${shapeText(shape)}. ${hint}`.trimEnd(),
      );
    }
    const { data } = await bundle.read(name);
    values[name] = { data: Float32Array.from(data as Float32Array), shape };
  }
  return values;
}
