/** What a network of one's own imports from 'losslens' (docs/networks.md). */
export type { Tensor } from '../graph/graph.ts';
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
export * from './initializers.ts';
export * from './layers.ts';
export type { Network, NetworkContext, NetworkDefinition, NetworkOutputs } from './network.ts';
