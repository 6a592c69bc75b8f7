/** Layers that leave out at random while a network trains: elements, or whole branches. */
import type { Tensor } from '../graph/graph.ts';
import { cast, concat, constant, gather, shapeOf, slice } from '../graph/ops/array.ts';
import { add, floor, mul } from '../graph/ops/math.ts';
import { statelessRandomUniform } from '../graph/ops/random.ts';
import type { NetworkContext } from './network.ts';

/**
 * Inverted dropout (slim.dropout): keeps each element with probability `keepProbability` and scales
 * the kept ones by its inverse; outside of training, or without dropout, the identity.
 *
 * @param layerIndex  different for each dropout of a network, so that their masks differ
 */
export function dropout(
  context: NetworkContext,
  x: Tensor,
  name: string,
  keepProbability: number,
  layerIndex = 0,
): Tensor {
  if (!context.isTraining || context.withoutDropout) return x;
  return x.graph.withScope(name, () =>
    mul(x, keptScaled(context, x, keepProbability, layerIndex), { name: 'dropout' }),
  );
}

/** In the shape of `like`: 1 / keepProbability with that probability, else 0. */
function keptScaled(
  context: NetworkContext,
  like: Tensor,
  keepProbability: number,
  layerIndex: number,
): Tensor {
  // The seed's second word counts steps: another first word is another sequence of masks.
  const word = Math.imul(layerIndex, 0x9e3779b1);
  const ownSeed = add(context.dropoutSeed, constant(like.graph, 'int32', [word, 0]));
  const mask = floor(add(drawn(context, ownSeed, like), keepProbability));
  return cast(mul(mask, 1 / keepProbability), like.dtype);
}

/** Uniform numbers for each element of `like`, the rows of a joint batch where there is one. */
function drawn({ jointBatch }: NetworkContext, seed: Tensor, like: Tensor): Tensor {
  if (jointBatch === undefined) return statelessRandomUniform(seed, shapeOf(like), like.shape);
  const ofOthers = slice(shapeOf(like), [1], [-1]);
  const jointShape = concat([jointBatch.size, ofOthers], 0);
  return gather(statelessRandomUniform(seed, jointShape, like.shape), jointBatch.rows);
}

/**
 * Stochastic depth (Huang et al. 2016): drops a branch of whole items, each kept with probability
 * `keepProbability` and scaled by its inverse; outside of training, or without dropout or without
 * dropped branches, the identity.
 *
 * @param x           [n, h, w, c]
 * @param layerIndex  as of `dropout`, and different from all of those
 */
export function dropBranch(
  context: NetworkContext,
  x: Tensor,
  name: string,
  keepProbability: number,
  layerIndex: number,
): Tensor {
  const { isTraining, withoutDropout, withoutDroppedBranches } = context;
  if (!isTraining || withoutDropout || withoutDroppedBranches || keepProbability === 1) return x;
  return x.graph.withScope(name, () => {
    const onePerItem = slice(x, [0, 0, 0, 0], [-1, 1, 1, 1]);
    return mul(x, keptScaled(context, onePerItem, keepProbability, layerIndex), { name });
  });
}
