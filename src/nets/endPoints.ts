/** End points of networks, by the names that people give them. */
import { UsageError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';

/**
 * Picks end points by name.
 *
 * @param flag  where the names come from, for messages
 * @returns     the tensors by name in network order
 * @throws UsageError  listing the layers that exist, when one does not
 */
export function pickEndPoints(
  flag: string,
  names: readonly string[],
  endPoints: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const unknown = names.find((name) => !endPoints.has(name));
  if (unknown !== undefined) {
    const known = [...endPoints.keys()].join(', ');
    throw new UsageError(`${flag}: got "${unknown}"; expected one of ${known}.`);
  }
  return new Map([...endPoints].filter(([name]) => names.includes(name)));
}
