/** The check that every engine makes before it runs a signature. */
import { describe } from '../graph/graph.ts';
import { compatible, shapeText, sizeOf } from '../graph/shape.ts';
import type { HostTensor, Signature } from './engine.ts';

/**
 * Checks the feeds of one run.
 *
 * @param name       name of the signature, for messages
 * @param signature  its inputs
 * @param feeds      what the caller gives
 * @throws Error     when a feed is missing, not asked for, or has another element type, shape or length
 */
export function checkFeeds(
  name: string,
  signature: Signature,
  feeds: Readonly<Record<string, HostTensor>>,
): void {
  const unknown = Object.keys(feeds).find((key) => !(key in signature.inputs));
  if (unknown !== undefined) {
    const known = Object.keys(signature.inputs).join(', ') || 'none';
    throw new Error(`signature ${name}: got a feed '${unknown}'; expected only: ${known}`);
  }
  for (const [key, input] of Object.entries(signature.inputs)) {
    const feed = feeds[key];
    if (feed === undefined) {
      throw new Error(`signature ${name}: got no feed '${key}'; expected ${describe(input)}`);
    }
    const { data, shape } = feed;
    const dtype = data instanceof Float32Array ? 'float32' : 'int32';
    if (dtype !== input.dtype || !compatible(input.shape, shape) || data.length !== sizeOf(shape)) {
      throw new Error(
        `signature ${name}: got feed '${key}' as ${dtype}${shapeText(shape)} with ` +
          `${data.length} values; expected ${describe(input)}`,
      );
    }
  }
}
