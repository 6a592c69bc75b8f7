/** How a network is built for the items of a data set. */
import type { Tensor } from '../graph/graph.ts';
import type { NetworkContext } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';
import { isHeadAlone } from './scopes.ts';

/**
 * The context that a network is built in: what is not given is that of a network whose weights stay
 * as they are, in float32.
 *
 * @param input  the items: of texts, the network has a vector for each word of their vocabulary
 */
export function networkContext(
  input: GraphInput,
  given: Pick<NetworkContext, 'numClasses' | 'isTraining' | 'dropoutSeed'> &
    Partial<NetworkContext>,
): NetworkContext {
  return {
    vocabularySize: input.kind === 'texts' ? input.vocabulary.size : undefined,
    weightDecay: 0,
    computeType: 'float32',
    updates: [],
    ...given,
  };
}

/** How a network is trained. */
export interface TrainedNetworkOptions
  extends Pick<NetworkContext, 'numClasses' | 'weightDecay' | 'computeType'> {
  readonly input: GraphInput;
  /**
   * Beginnings of the names of the variables to train, as regular expressions, or 'head' or 'all'; all by
   * default.
   */
  readonly trainableScopes?: readonly string[];
  /** Whether batch normalisation keeps to its moving statistics; by default where the head alone is trained. */
  readonly freezeBatchNorm?: boolean | undefined;
}

/** The context that a network is trained in. */
export function trainingContext(
  { input, ...options }: TrainedNetworkOptions,
  dropoutSeed: Tensor,
): NetworkContext {
  const { numClasses, weightDecay, computeType, freezeBatchNorm } = options;
  const trainsHead = isHeadAlone(options.trainableScopes);
  return networkContext(input, {
    numClasses,
    isTraining: true,
    weightDecay,
    dropoutSeed,
    computeType,
    freezeBatchNorm: freezeBatchNorm ?? trainsHead,
    withoutDroppedBranches: trainsHead,
  });
}
