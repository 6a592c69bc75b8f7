/** Gradients of the ops of ops/math.ts. */
import type { Node, Tensor } from '../graph.ts';
import { attr, constantInput } from '../nodeInputs.ts';
import { broadcastLike, cast, countElements, identity, reshape } from '../ops/array.ts';
import {
  add,
  div,
  equal,
  exp,
  greaterEqual,
  log,
  matMul,
  mul,
  neg,
  pow,
  rsqrt,
  sub,
  sum,
} from '../ops/math.ts';
import { normalizeAxes, reducedShape, sizeOf } from '../shape.ts';
import { repeatedAxes } from './arrayGradients.ts';
import { type GradientTable, ofSingleOutput } from './registry.ts';

/** Sums a gradient over the axes along which `x` was repeated. */
function sumToShapeOf(x: Tensor, gradient: Tensor): Tensor {
  const axes = repeatedAxes(x.shape, gradient.shape);
  return axes.length === 0 ? gradient : reshape(sum(gradient, axes), x.shape);
}

/** 1 where the condition holds, else 0, in the element type of `like`. */
function indicator(condition: Tensor, like: Tensor): Tensor {
  return cast(condition, like.dtype);
}

/** The gradient of a reduction, repeated along the axes that it reduced. */
function unreduce(node: Node, dy: Tensor): Tensor {
  const x = node.inputs[0]!;
  const axes = normalizeAxes(constantInput(node, 1), x.shape.length);
  return broadcastLike(reshape(dy, reducedShape(x.shape, axes, true)), x);
}

/** Larger or smaller element: the gradient goes to the one that was taken, to `a` when equal. */
function ofChoice(choosesFirst: (a: Tensor, b: Tensor) => Tensor) {
  return ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const first = mul(dy, indicator(choosesFirst(a, b), dy));
    return [() => sumToShapeOf(a, first), () => sumToShapeOf(b, sub(dy, first))];
  });
}

/** Gradients by op. */
export const mathGradients: GradientTable = {
  AddV2: ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [() => sumToShapeOf(a, dy), () => sumToShapeOf(b, dy)];
  }),
  AddN: ofSingleOutput((node, dy) => node.inputs.map(() => () => identity(dy))),
  Sub: ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [() => sumToShapeOf(a, dy), () => sumToShapeOf(b, neg(dy))];
  }),
  Mul: ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    return [() => sumToShapeOf(a, mul(dy, b)), () => sumToShapeOf(b, mul(dy, a))];
  }),
  RealDiv: ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const quotient = node.outputs[0]!;
    return [
      () => sumToShapeOf(a, div(dy, b)),
      () => sumToShapeOf(b, neg(div(mul(dy, quotient), b))),
    ];
  }),
  Pow: ofSingleOutput((node, dy) => {
    const [base, exponent] = node.inputs as [Tensor, Tensor];
    return [
      () => sumToShapeOf(base, mul(mul(dy, exponent), pow(base, sub(exponent, 1)))),
      () => sumToShapeOf(exponent, mul(mul(dy, node.outputs[0]!), log(base))),
    ];
  }),
  Maximum: ofChoice((a, b) => greaterEqual(a, b)),
  Minimum: ofChoice((a, b) => greaterEqual(b, a)),
  Neg: ofSingleOutput((_node, dy) => [() => neg(dy)]),
  Abs: ofSingleOutput((node, dy) => {
    const x = node.inputs[0]!;
    const isPositive = indicator(greaterEqual(x, neg(x)), dy);
    const isNegative = indicator(greaterEqual(neg(x), x), dy);
    return [() => mul(dy, sub(isPositive, isNegative))];
  }),
  Square: ofSingleOutput((node, dy) => [() => mul(dy, add(node.inputs[0]!, node.inputs[0]!))]),
  Sqrt: ofSingleOutput((node, dy) => {
    const root = node.outputs[0]!;
    return [() => div(dy, add(root, root))];
  }),
  Rsqrt: ofSingleOutput((node, dy) => {
    const x = node.inputs[0]!;
    return [() => mul(mul(dy, -0.5), div(rsqrt(x), x))];
  }),
  Exp: ofSingleOutput((node, dy) => [() => mul(dy, exp(node.inputs[0]!))]),
  Log: ofSingleOutput((node, dy) => [() => div(dy, node.inputs[0]!)]),
  Sum: ofSingleOutput((node, dy) => [() => unreduce(node, dy), null]),
  Mean: ofSingleOutput((node, dy) => {
    const x = node.inputs[0]!;
    const axes = normalizeAxes(constantInput(node, 1), x.shape.length);
    const averaged = sizeOf(axes.map((axis) => x.shape[axis]!));
    const count =
      averaged >= 0
        ? averaged
        : div(cast(countElements(x), dy.dtype), cast(countElements(dy), dy.dtype));
    return [() => unreduce(node, div(dy, count)), null];
  }),
  Max: ofSingleOutput((node, dy) => {
    const x = node.inputs[0]!;
    const axes = normalizeAxes(constantInput(node, 1), x.shape.length);
    const kept = reshape(node.outputs[0]!, reducedShape(x.shape, axes, true));
    const isLargest = indicator(equal(x, broadcastLike(kept, x)), dy);
    const ties = sum(isLargest, axes);
    return [() => mul(unreduce(node, div(dy, ties)), isLargest), null];
  }),
  MatMul: ofSingleOutput((node, dy) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const transposeA = attr(node, 'transpose_a', 'b');
    const transposeB = attr(node, 'transpose_b', 'b');
    const da = () =>
      transposeA
        ? matMul(b, dy, { transposeA: transposeB, transposeB: true })
        : matMul(dy, b, { transposeB: !transposeB });
    const db = () =>
      transposeB
        ? matMul(dy, a, { transposeA: true, transposeB: transposeA })
        : matMul(a, dy, { transposeA: !transposeA });
    return [da, db];
  }),
};
