/** End points of networks, by the names that people give them. */
import { UsageError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { nearestNames } from '../nearestNames.ts';
import type { NetworkDefinition, NetworkOutputs } from './network.ts';

/** A built network whose end points are looked up. */
export interface NamedLayers extends NetworkOutputs {
  /** For messages, where it is known. */
  readonly modelName?: NetworkDefinition['modelName'];
}

/** Layers that a message names at most. */
const maxNamed = 3;

/**
 * The end point that a name stands for: the one of this name; for `logits` the logits of any network;
 * or the only one whose name ends so behind a `/`. Upper and lower case do not matter, unless they
 * tell two end points apart.
 *
 * @param flag  where the name comes from, for messages
 * @returns     its full name
 * @throws UsageError  naming some like it, when there is none or more than one
 */
export function endPointName(
  flag: string,
  given: string,
  { logits, endPoints, modelName }: NamedLayers,
): string {
  if (endPoints.has(given)) return given;
  const names = [...endPoints.keys()];
  const lower = given.toLowerCase();
  if (lower === 'logits') {
    const ofLogits = names.find((name) => endPoints.get(name) === logits);
    if (ofLogits !== undefined) return ofLogits;
  }
  const ending = names.filter((name) => `/${name}`.toLowerCase().endsWith(`/${lower}`));
  const exact = ending.filter((name) => name.endsWith(`/${given}`));
  const meant = exact.length === 1 ? exact : ending;
  if (meant.length === 1 && lower !== '') return meant[0]!;
  const list = modelName === undefined ? '' : ` All: losslens layers --model_name=${modelName}`;
  if (meant.length > 1) {
    const some = meant.slice(0, maxNamed).join(', ');
    throw new UsageError(
      `${flag}: got "${given}", which ${meant.length} layers end with; expected one of them, such as ${some}.${list}`,
    );
  }
  const nearest = nearestNames(given, names, maxNamed).join(', ');
  throw new UsageError(`${flag}: got "${given}"; expected a layer, such as ${nearest}.${list}`);
}

/**
 * Picks end points by the names that `endPointName` takes.
 *
 * @param flag  where the names come from, for messages
 * @returns     the tensors by their full names in network order
 * @throws UsageError  as `endPointName`
 */
export function pickEndPoints(
  flag: string,
  names: readonly string[],
  network: NamedLayers,
): Map<string, Tensor> {
  const picked = new Set(names.map((name) => endPointName(flag, name, network)));
  return new Map([...network.endPoints].filter(([name]) => picked.has(name)));
}
