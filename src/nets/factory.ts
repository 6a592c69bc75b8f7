/** The networks by the name that --model_name takes. */
import { UsageError } from '../errors.ts';
import { cifarnet } from './cifarnet.ts';
import { lenet } from './lenet.ts';
import type { NetworkDefinition } from './network.ts';

/** Networks by name. */
export const networks: Readonly<Record<string, NetworkDefinition>> = { cifarnet, lenet };

/** @throws UsageError  when there is no such network, listing those that there are */
export function getNetwork(name: string): NetworkDefinition {
  const network = networks[name];
  if (network === undefined) {
    const known = Object.keys(networks).join(', ');
    throw new UsageError(`--model_name: got "${name}"; expected one of ${known}.`);
  }
  return network;
}
