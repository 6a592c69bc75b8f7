/** First values of variables, as TF-Slim draws them. */
import type { Initializer, Shape } from '../graph/graph.ts';
import { sizeOf } from '../graph/shape.ts';

/** All zeros. */
export const zeros: Initializer = (shape) => new Float32Array(sizeOf(shape));

/** All elements `value`. */
export function constantValue(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Uniform within ±limit (tf.random_uniform_initializer). */
export function uniform(limit: number): Initializer {
  return (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => limit * (2 * random() - 1));
}

/** Normal with mean 0, redrawn where it is `limit` standard deviations or more from it. */
function normalWithin(stddev: number, limit: number): Initializer {
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    for (let i = 0; i < values.length; ) {
      // Box–Muller: two uniform numbers give two independent normal ones.
      const radius = Math.sqrt(-2 * Math.log(1 - random()));
      const angle = 2 * Math.PI * random();
      for (const normal of [radius * Math.cos(angle), radius * Math.sin(angle)]) {
        if (Math.abs(normal) < limit && i < values.length) values[i++] = stddev * normal;
      }
    }
    return values;
  };
}

/** Normal with mean 0, redrawn outside of two standard deviations (tf.truncated_normal_initializer). */
export function truncatedNormal(stddev: number): Initializer {
  return normalWithin(stddev, 2);
}

/** Elements per output unit: kernel height × width × input channels, or inputs of a matrix. */
function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const receptiveField = sizeOf(shape.slice(0, -2));
  return { fanIn: receptiveField * shape.at(-2)!, fanOut: receptiveField * shape.at(-1)! };
}

/** Uniform within ±√(6 / (fan in + fan out)) (Glorot & Bengio 2010; slim's default for weights). */
export const xavierUniform: Initializer = (shape, random) => {
  const { fanIn, fanOut } = fans(shape);
  return uniform(Math.sqrt(6 / (fanIn + fanOut)))(shape, random);
};

/**
 * Truncated normal with stddev √(1.3·factor / fan in) (slim's variance_scaling_initializer; 1.3
 * makes up for the variance that truncation takes).
 */
export function varianceScaling(factor: number): Initializer {
  return (shape, random) =>
    truncatedNormal(Math.sqrt((1.3 * factor) / fans(shape).fanIn))(shape, random);
}

/** Normal with stddev √(factor / fan out) (conv_kernel_initializer of EfficientNet, with factor 2). */
export function fanOutNormal(factor: number): Initializer {
  return (shape, random) =>
    normalWithin(Math.sqrt(factor / fans(shape).fanOut), Number.POSITIVE_INFINITY)(shape, random);
}
