/** End points of networks, by the names that people give them. */
import { UsageError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { tensorsBefore } from '../graph/walk.ts';
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
  const list = listHint(modelName);
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
 * The end points that a pattern stands for: `all`, or a name in which `*` takes any letters, `/` among
 * them. Whether a pattern fits a whole name or an end of it behind a `/`, and in which case, is the same.
 *
 * @returns  their full names, of layers on the way to the logits alone; undefined for what is no pattern
 * @throws UsageError  naming some like it, when there is none
 */
function matchingEndPoints(
  flag: string,
  given: string,
  network: NamedLayers,
): readonly string[] | undefined {
  const { logits, endPoints, modelName } = network;
  const isPattern = given.includes('*') || given.toLowerCase() === 'all';
  if (!isPattern || endPoints.has(given)) return undefined;
  const before = tensorsBefore(logits);
  const names = [...endPoints].flatMap(([name, tensor]) => (before.has(tensor) ? [name] : []));
  if (!given.includes('*')) return names;
  const parts = given.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const pattern = new RegExp(`(^|/)${parts.join('.*')}$`, 'i');
  const matching = names.filter((name) => pattern.test(name));
  if (matching.length > 0) return matching;
  const nearest = nearestNames(given.replaceAll('*', ''), names, maxNamed).join(', ');
  throw new UsageError(
    `${flag}: got "${given}", which no layer's name fits; expected names such as ${nearest}.${listHint(modelName)}`,
  );
}

/** Where all names are told, for messages. */
function listHint(modelName: NamedLayers['modelName']): string {
  return modelName === undefined ? '' : ` All: losslens layers --model_name=${modelName}`;
}

/**
 * Picks end points by the names that `endPointName` takes, by patterns such as `block1*conv2`, or with
 * `all` every one on the way to the logits.
 *
 * @param flag  where the names come from, for messages
 * @returns     the tensors by their full names in network order
 * @throws UsageError  as `endPointName`, and for a pattern that no name fits
 */
export function pickEndPoints(
  flag: string,
  names: readonly string[],
  network: NamedLayers,
): Map<string, Tensor> {
  const picked = new Set(
    names.flatMap(
      (name) => matchingEndPoints(flag, name, network) ?? endPointName(flag, name, network),
    ),
  );
  return new Map([...network.endPoints].filter(([name]) => picked.has(name)));
}
