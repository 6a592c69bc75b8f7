/**
 * What nodes cost, counted from the graph: floating-point operations and bytes.
 *
 * A multiplication and an addition are two operations; any function of one element is one. Bytes are those of all
 * inputs and outputs, each read or written once from memory, as if no two nodes were fused: an upper
 * bound of what an engine moves.
 */
import type { DType, Node, Shape, Tensor } from './graph.ts';
import { attr } from './nodeInputs.ts';

/** Of some nodes together. */
export interface Cost {
  /** Floating-point operations. */
  readonly flops: number;
  readonly bytes: number;
}

/** Nothing. */
export const noCost: Cost = { flops: 0, bytes: 0 };

/** Of two parts together. */
export function addCosts(a: Cost, b: Cost): Cost {
  return { flops: a.flops + b.flops, bytes: a.bytes + b.bytes };
}

/** Ops that neither compute nor copy: they name a value, or look at its shape. */
const isFree = new Set([
  ...['Const', 'Placeholder', 'VarHandleOp', 'ReadVariableOp'],
  ...['Identity', 'IdentityN', 'Merge', 'Reshape', 'Shape', 'Size', 'Switch'],
]);
/** Ops that copy without computing. */
const onlyCopies = new Set([
  ...['AssignVariableOp', 'BroadcastTo', 'Cast', 'ConcatV2'],
  ...['GatherV2', 'OneHot', 'Pad', 'Slice', 'SplitV'],
]);
/** Ops that touch each element of their first input so often. */
const perInput: Readonly<Record<string, number>> = {
  ArgMax: 1,
  BiasAddGrad: 1,
  L2Loss: 2,
  Max: 1,
  Mean: 1,
  Min: 1,
  Sum: 1,
  UnsortedSegmentSum: 1,
  // Largest, difference, exponential, sum, and quotient or difference.
  LogSoftmax: 5,
  Softmax: 5,
  // The same, the product with the labels and its sum; the derivative's difference.
  SoftmaxCrossEntropyWithLogits: 8,
  // Mean; difference, square and sum; difference, product and sum with the statistics.
  FusedBatchNormV3: 7,
  // Two sums, one of a product with the normalised values (two); and the derivative from them.
  FusedBatchNormGradV3: 9,
};

const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
  resource: 0,
};

/** Counts what nodes of a graph cost for a given number of items. */
export class CostCounter {
  readonly #batchSize: number;
  readonly #elements = new Map<Tensor, number>();

  /** @param batchSize  what the graph leaves open: the items of a batch */
  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** What one run of a node costs. */
  of(node: Node): Cost {
    if (isFree.has(node.op)) return noCost;
    const { inputs, outputs } = node;
    let bytes = 0;
    for (const tensor of [...inputs, ...outputs]) {
      bytes += this.elements(tensor) * bytesPerElement[tensor.dtype];
    }
    // An update reads what a variable holds, and writes it anew.
    for (const { shape } of this.#updated(node)) bytes += 2 * 4 * product(shape);
    return { flops: this.#flops(node), bytes };
  }

  /** Elements of a tensor, 0 of a handle. */
  elements(tensor: Tensor): number {
    if (tensor.dtype === 'resource') return 0;
    let elements = this.#elements.get(tensor);
    if (elements === undefined) {
      elements = product(tensor.shape.map((size) => (size < 0 ? this.#openSize(tensor) : size)));
      this.#elements.set(tensor, elements);
    }
    return elements;
  }

  #flops(node: Node): number {
    const { op, inputs, outputs } = node;
    const [first, second] = inputs as [Tensor, Tensor];
    if (onlyCopies.has(op)) return 0;
    if (op in perInput) return perInput[op]! * this.elements(first);
    switch (op) {
      case 'Conv2D':
        return 2 * this.elements(outputs[0]!) * product(second.shape.slice(0, 3));
      case 'Conv2DBackpropInput':
        return 2 * this.elements(inputs[2]!) * product(second.shape.slice(0, 3));
      case 'Conv2DBackpropFilter':
        return 2 * this.elements(inputs[2]!) * product(outputs[0]!.shape.slice(0, 3));
      case 'DepthwiseConv2dNative':
        return 2 * this.elements(outputs[0]!) * product(second.shape.slice(0, 2));
      case 'DepthwiseConv2dNativeBackpropInput':
        return 2 * this.elements(inputs[2]!) * product(second.shape.slice(0, 2));
      case 'DepthwiseConv2dNativeBackpropFilter':
        return 2 * this.elements(inputs[2]!) * product(outputs[0]!.shape.slice(0, 2));
      case 'MatMul': {
        const inner = attr(node, 'transpose_a', 'b') ? 0 : 1;
        const size = first.shape[inner]!;
        const depth = size < 0 ? this.#openSize(first) : size;
        return 2 * this.elements(outputs[0]!) * depth;
      }
      case 'MaxPool':
      case 'AvgPool':
        return product(attr(node, 'ksize', 'ints')) * this.elements(outputs[0]!);
      case 'MaxPoolGrad':
        return product(attr(node, 'ksize', 'ints')) * this.elements(inputs[2]!);
      case 'AvgPoolGrad':
        return product(attr(node, 'ksize', 'ints')) * this.elements(second);
      case 'AddN':
        return (inputs.length - 1) * this.elements(first);
    }
    // An optimizer has a product and a sum for each variable that it changes.
    if (op.startsWith('ResourceApply')) {
      return this.#updated(node).reduce((flops, { shape }) => flops + 2 * product(shape), 0);
    }
    return outputs.reduce((flops, output) => flops + this.elements(output), 0);
  }

  /** Variables that a node changes. */
  #updated({ inputs }: Node): readonly { readonly shape: Shape }[] {
    const handles = new Set(inputs.filter(({ dtype }) => dtype === 'resource'));
    if (handles.size === 0) return [];
    return [...inputs[0]!.graph.variables.values()].filter(({ handle }) => handles.has(handle));
  }

  /** The one dimension of a tensor that its shape leaves open. */
  #openSize(tensor: Tensor): number {
    const { op, inputs } = tensor.node;
    if (op === 'Reshape') {
      return this.elements(inputs[0]!) / product(tensor.shape.filter((size) => size >= 0));
    }
    // What is picked is as much as there are indices.
    const origins = op === 'GatherV2' ? [inputs[1]!] : inputs;
    for (const input of origins) {
      const origin = input.node.op === 'Shape' ? input.node.inputs[0]! : input;
      if (origin.shape.some((size) => size < 0)) return this.#openSize(origin);
    }
    return this.#batchSize;
  }
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
