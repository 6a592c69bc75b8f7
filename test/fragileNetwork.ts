/**
 * A network, as a module for --model_name, that is not finite for an image that is black all over, and in
 * bfloat16 for none.
 */
import { cast } from '../src/graph/ops/array.ts';
import { add, div, log, mean, mul, sub } from '../src/graph/ops/math.ts';
import { flatten, fullyConnected, softmax } from '../src/nets/layers.ts';
import type { Network } from '../src/nets/network.ts';

export const defaultImageSize = 28;
export const preprocessingName = 'lenet';

export const build: Network = (images, context) =>
  images.graph.withScope('Fragile', () => {
    // Black is −1.
    const light = add(images, 1);
    const scaled = div(light, mean(light, [1, 2, 3], { keepDims: true }));
    // In bfloat16, 1.001 is 1.
    const one = cast(add(mul(scaled, 0), 1.001), context.computeType);
    const rounded = cast(log(sub(one, 1)), 'float32');
    const activation = 'linear';
    const fc1 = fullyConnected(context, flatten(mul(scaled, rounded)), 'fc1', 16, { activation });
    const logits = fullyConnected(context, fc1, 'logits', context.numClasses, { activation });
    const Predictions = softmax(logits, 'Predictions');
    const endPoints = { images, scaled, rounded, fc1, Logits: logits, Predictions };
    return { logits, endPoints: new Map(Object.entries(endPoints)) };
  });
