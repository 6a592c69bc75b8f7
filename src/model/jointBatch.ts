/** The joint batch of all workers of a cluster, of which each has a part. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';

/** What a step of a worker is fed beside its own items. */
export interface JointBatch {
  /** int32 [n]: which rows of the joint batch of all workers its items are. */
  readonly rows: Tensor;
  /** int32 [1]: rows of the joint batch. */
  readonly size: Tensor;
  /** float32 []: n / size, by which its gradients count. */
  readonly weight: Tensor;
}

/** Adds the placeholders. */
export function jointBatch(graph: Graph): JointBatch {
  return {
    rows: placeholder(graph, 'int32', [-1], 'joint_rows'),
    size: placeholder(graph, 'int32', [1], 'joint_size'),
    weight: placeholder(graph, 'float32', [], 'gradient_weight'),
  };
}

/** Those of the placeholders that a step is fed, by name. */
export function jointInputs({ rows, size, weight }: JointBatch): Record<string, Tensor> {
  return { joint_rows: rows, joint_size: size, gradient_weight: weight };
}
