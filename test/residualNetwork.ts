/** A small network of a user's own: a residual unit with batch normalisation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** test/python/inspect_reference.py has the same. */
const residualModule = `
import { add, conv2d, fullyConnected, mean, relu } from 'losslens';
const normalized = { batchNorm: { decay: 0.9, epsilon: 1e-3 } };
const linear = { ...normalized, activation: 'linear' };
export const defaultImageSize = 28;
export const preprocessingName = 'lenet';
export function build(images, context) {
  return images.graph.withScope('Residual', () => {
    const root = conv2d(context, images, 'root', 6, 3, { ...normalized, stride: 2 });
    const inner = conv2d(context, root, 'inner', 8, 3, normalized);
    const unit = relu(add(conv2d(context, inner, 'branch', 6, 3, linear), root));
    const pooled = mean(unit, [1, 2]);
    const logits = fullyConnected(context, pooled, 'logits', context.numClasses, { activation: 'linear' });
    return { logits, endPoints: new Map(Object.entries({ root, inner, unit, pooled, Logits: logits })) };
  });
}`;

/** Writes the module into a folder. @returns its path, for --model_name */
export function writeResidualNetwork(folder: string): string {
  const path = join(folder, 'residual.mjs');
  writeFileSync(path, residualModule);
  return path;
}
