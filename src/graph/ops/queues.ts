/** Queues, which processes of a cluster share by their names: what one puts in, another takes out. */
import type { Graph, Node, Tensor } from '../graph.ts';
import { addOp, type OpOptions } from './op.ts';

const waits = { timeout_ms: { i: -1 } } as const;

/**
 * A queue of int32 tensors of any shapes, without a bound (TF op FIFOQueueV2).
 *
 * @param name  by which sessions share it
 * @returns     its handle
 */
export function fifoQueue(graph: Graph, name: string, options: OpOptions = {}): Tensor {
  const attrs = {
    component_types: { types: ['int32'] },
    capacity: { i: -1 },
    container: { s: '' },
    shared_name: { s: name },
  } as const;
  return addOp(graph, 'FIFOQueueV2', [], attrs, 'resource', [], options);
}

/** Puts a tensor at the end (TF op QueueEnqueueV2). */
export function enqueue(queue: Tensor, value: Tensor, options: OpOptions = {}): Node {
  return queue.graph.addNode({
    op: 'QueueEnqueueV2',
    name: options.name,
    inputs: [queue, value],
    controlInputs: options.after ?? [],
    attrs: { Tcomponents: { types: ['int32'] }, ...waits },
    outputs: [],
  });
}

/**
 * Waits for a tensor and takes it from the front (TF op QueueDequeueV2).
 *
 * @param shape  that it has
 */
export function dequeue(queue: Tensor, shape: readonly number[], options: OpOptions = {}): Tensor {
  const attrs = { component_types: { types: ['int32'] }, ...waits } as const;
  return addOp(queue.graph, 'QueueDequeueV2', [queue], attrs, 'int32', shape, options);
}
