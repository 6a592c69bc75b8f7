/** The size of the images that a network is given. */
import type { ImageNetwork, NetworkDefinition } from './network.ts';

/**
 * Side in pixels of the images that a network is given; null for a network of texts.
 *
 * @param side  that a flag asks for; by default that of the network
 */
export function imageSideOf(network: ImageNetwork, side: number | undefined): number;
export function imageSideOf(network: NetworkDefinition, side: number | undefined): number | null;
export function imageSideOf(network: NetworkDefinition, side: number | undefined): number | null {
  return network.takes === 'texts' ? null : (side ?? network.defaultImageSize);
}
