/** How a network is built for the items of a data set. */
import type { NetworkContext } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';

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
