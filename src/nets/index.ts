/** What a network of one's own imports from 'losslens' (docs/networks.md). */
export type { Tensor } from '../graph/graph.ts';
export { relu6, sigmoid, swish } from '../graph/ops/activations.ts';
export { cast, concat, pad, reshape } from '../graph/ops/array.ts';
export {
  add,
  addN,
  div,
  greater,
  max,
  maximum,
  mean,
  minimum,
  mul,
  sub,
  sum,
} from '../graph/ops/math.ts';
export { relu } from '../graph/ops/nn.ts';
export type { Activation } from './activations.ts';
export * from './depthwise.ts';
export { dropBranch, dropout } from './dropout.ts';
export * from './initializers.ts';
export {
  type Conv2dLayerOptions,
  conv1d,
  conv2d,
  embedding,
  flatten,
  fullyConnected,
  softmax,
  type WeightLayerOptions,
} from './layers.ts';
export type { Network, NetworkContext, NetworkDefinition, NetworkOutputs } from './network.ts';
export {
  type BatchNormParameters,
  batchNormalization,
  type LrnParameters,
  localResponseNormalization,
} from './normalization.ts';
export { avgPool2d, maxPool2d } from './pooling.ts';
