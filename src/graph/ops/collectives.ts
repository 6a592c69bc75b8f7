/** Collective operations: several processes run the same one at once, and each gets what comes of all their values. */
import type { Graph, Node, Shape, Tensor } from '../graph.ts';
import { sizeOf } from '../shape.ts';
import { constant } from './array.ts';
import { addOp, type OpOptions } from './op.ts';

/** Of all processes; there is no other group. */
const groupKey = 1;

/** Which operation it is: of one number in all processes, and of one size of group. */
export interface Collective {
  /** How many processes take part. */
  readonly size: number;
  /** Its own, and the same in each of them. */
  readonly instance: number;
}

// TensorFlow's own ring between any devices; 0 waits for ever.
const ways = { communication_hint: { s: 'ring' }, timeout_seconds: { f: 0 } } as const;

function keysOf(graph: Graph, { size, instance }: Collective): Tensor[] {
  return [size, groupKey, instance].map((key) => constant(graph, 'int32', key));
}

/**
 * The sum of the values of all processes, the same bits in each (TF op CollectiveReduceV2).
 *
 * @param x  float32, of one shape in all
 */
export function allReduceSum(x: Tensor, collective: Collective, options: OpOptions = {}): Tensor {
  const attrs = {
    T: { type: 'float32' },
    merge_op: { s: 'Add' },
    final_op: { s: 'Id' },
    Nordering_token: { i: 0 },
    ...ways,
  } as const;
  const inputs = [x, ...keysOf(x.graph, collective)];
  return addOp(x.graph, 'CollectiveReduceV2', inputs, attrs, 'float32', x.shape, options);
}

/** Gives a value, float32, to all others, which receive it (TF op CollectiveBcastSendV2). */
export function broadcast(x: Tensor, collective: Collective, options: OpOptions = {}): Node {
  const inputs = [x, ...keysOf(x.graph, collective)];
  const attrs = { T: { type: 'float32' }, ...ways } as const;
  return addOp(x.graph, 'CollectiveBcastSendV2', inputs, attrs, 'float32', x.shape, options).node;
}

/** The value float32 of this shape that another process gives to all (TF op CollectiveBcastRecvV2). */
export function receiveBroadcast(
  graph: Graph,
  shape: Shape,
  collective: Collective,
  options: OpOptions = {},
): Tensor {
  if (sizeOf(shape) < 0) throw new Error('CollectiveBcastRecvV2: of a shape that is not known');
  const inputs = [...keysOf(graph, collective), constant(graph, 'int32', shape)];
  const attrs = { T: { type: 'float32' }, Tshape: { type: 'int32' }, ...ways } as const;
  return addOp(graph, 'CollectiveBcastRecvV2', inputs, attrs, 'float32', shape, options);
}

/** Whether a node is such an operation. */
export function isCollective({ op }: Node): boolean {
  return op.startsWith('Collective');
}
