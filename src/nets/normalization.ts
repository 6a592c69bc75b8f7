/** Normalisation layers as TF-Slim has them. */
import { describe, type Tensor } from '../graph/graph.ts';
import { cast, constant, reshape, withGradient } from '../graph/ops/array.ts';
import { div, matMul, mul, pow, rsqrt, sqrt, square, sub } from '../graph/ops/math.ts';
import { biasAdd, fusedBatchNorm } from '../graph/ops/nn.ts';
import { getVariable } from '../graph/ops/variables.ts';
import { constantValue, zeros } from './initializers.ts';
import type { NetworkContext } from './network.ts';

/** Batch normalisation after a layer, in place of its bias. */
export interface BatchNormParameters {
  /** Share of the moving statistics that a step keeps. */
  readonly decay: number;
  /** Added to the variance. */
  readonly epsilon: number;
  /** Whether the result is scaled by gamma; true by default. */
  readonly scale?: boolean;
  /** Scope of its variables; 'BatchNorm' by default. */
  readonly name?: string;
}

/**
 * Batch normalisation with offset and, unless it is switched off, scale (slim.batch_norm).
 *
 * While training, x is normalised with the batch's statistics and the moving ones are moved by the
 * context's updates; otherwise, and where it is frozen, with the moving ones.
 *
 * @param x  [n, h, w, c]
 */
export function batchNormalization(
  context: NetworkContext,
  x: Tensor,
  { decay, epsilon, scale = true, name = 'BatchNorm' }: BatchNormParameters,
): Tensor {
  const { graph } = x;
  return graph.withScope(name, () => {
    const shape = [x.shape[3]!];
    const one = constantValue(1);
    const gamma = scale
      ? getVariable(graph, 'gamma', shape, { initializer: one }).value
      : constant(graph, 'float32', new Float32Array(shape[0]!).fill(1), shape, { name: 'gamma' });
    const beta = getVariable(graph, 'beta', shape, { initializer: zeros });
    const statistics = { trainable: false };
    const movingMean = getVariable(graph, 'moving_mean', shape, {
      ...statistics,
      initializer: zeros,
    });
    const movingVariance = getVariable(graph, 'moving_variance', shape, {
      ...statistics,
      initializer: one,
    });
    const isTraining = context.isTraining && !context.freezeBatchNorm;
    const { y, mean, variance } = fusedBatchNorm(
      x,
      gamma,
      beta.value,
      movingMean.value,
      movingVariance.value,
      { epsilon, isTraining },
    );
    if (isTraining) {
      for (const [moving, ofBatch] of [
        [movingMean, mean],
        [movingVariance, variance],
      ] as const) {
        // moving ← moving − (1 − decay)·(moving − batch)
        const step = mul(sub(moving.value, ofBatch), 1 - decay);
        context.updates.push({ variable: moving, value: sub(moving.value, step) });
      }
    }
    return y;
  });
}

/** Parameters of local response normalisation. */
export interface LrnParameters {
  /** Channels to each side that count. */
  readonly depthRadius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

/**
 * Local response normalisation over channels (TF op LRN; Krizhevsky 2012):
 * y = x / (bias + alpha·Σ x²)^beta, the sum over the channels within the depth radius.
 *
 * The window sum is a product with a banded matrix, which TensorFlow runs three times as fast as its
 * LRN and LRNGrad ops (docs/benchmarks.md). Its elements are alpha, and the bias is added as that of a
 * layer is, in the same operation: what is left are the fewest passes over x that its ops allow.
 *
 * @param x  [n, h, w, c]
 */
export function localResponseNormalization(
  x: Tensor,
  name: string,
  { depthRadius, bias, alpha, beta }: LrnParameters,
): Tensor {
  const { graph, dtype } = x;
  const channels = x.shape.at(-1)!;
  if (channels < 0) throw new Error(`${name}: unknown number of channels in ${describe(x)}`);
  return graph.withScope(name, () => {
    /** factor·Σ t over the window, [n·h·w, c] */
    const windowSum = (t: Tensor, factor: number) => {
      const elements = Array.from({ length: channels * channels }, (_, i) =>
        Math.abs((i % channels) - Math.floor(i / channels)) <= depthRadius ? factor : 0,
      );
      const band = constant(graph, 'float32', elements, [channels, channels], { name: 'band' });
      return matMul(reshape(t, [-1, channels]), cast(band, dtype));
    };
    const inShapeOfX = (rows: Tensor) => reshape(rows, [-1, ...x.shape.slice(1)]);
    const biases = constant(graph, 'float32', new Float32Array(channels).fill(bias));
    const d = inShapeOfX(biasAdd(windowSum(square(x), alpha), cast(biases, dtype)));
    const r = rsqrt(d);
    // d^−¾ by two square roots: several times as fast as the general power.
    const p =
      beta === 0.75 ? mul(r, sqrt(r)) : pow(d, cast(constant(graph, 'float32', -beta), dtype));
    const y = mul(x, p);
    return withGradient(y, x, (dy) => {
      const sums = windowSum(div(mul(dy, y), d), 2 * alpha * beta);
      return sub(mul(dy, p), mul(x, inShapeOfX(sums)));
    });
  });
}
