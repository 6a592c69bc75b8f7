/** Gradients of the ops of ops/depthwise.ts, ops/averagePool.ts and ops/dilation.ts. */
import type { Node, Tensor } from '../graph.ts';
import { attr, constantInput } from '../nodeInputs.ts';
import { avgPoolGrad } from '../ops/averagePool.ts';
import { depthwiseConv2dBackpropFilter, depthwiseConv2dBackpropInput } from '../ops/depthwise.ts';
import { type Border, batchToSpace, spaceToBatch } from '../ops/dilation.ts';
import { windowOptions } from './nnGradients.ts';
import { type GradientTable, ofSingleOutput } from './registry.ts';

/** The block and the border of spaceToBatch or batchToSpace. */
function blockOf(node: Node): { block: number; border: Border } {
  const [top, bottom, left, right] = constantInput(node, 2) as [number, number, number, number];
  const border = [
    [top, bottom],
    [left, right],
  ] as const;
  return { block: constantInput(node, 1)[0]!, border };
}

/** Gradients by op. */
export const windowGradients: GradientTable = {
  DepthwiseConv2dNative: ofSingleOutput((node, dy) => {
    const [x, filter] = node.inputs as [Tensor, Tensor];
    const options = windowOptions(node);
    return [
      () => depthwiseConv2dBackpropInput(x, filter, dy, options),
      () => depthwiseConv2dBackpropFilter(x, filter.shape, dy, options),
    ];
  }),
  AvgPool: ofSingleOutput((node, dy) => {
    const window = attr(node, 'ksize', 'ints')[1]!;
    return [() => avgPoolGrad(node.inputs[0]!, dy, { ...windowOptions(node), window })];
  }),
  // Pixels that were padded are cropped, and the other way round.
  SpaceToBatchND: ofSingleOutput((node, dy) => {
    const { block, border } = blockOf(node);
    return [() => batchToSpace(dy, block, border), null, null];
  }),
  BatchToSpaceND: ofSingleOutput((node, dy) => {
    const { block, border } = blockOf(node);
    return [() => spaceToBatch(dy, block, border), null, null];
  }),
};
