/** The networks by the name that --model_name takes. */
import { UsageError } from '../errors.ts';
import { cifarnet } from './cifarnet.ts';
import { lenet } from './lenet.ts';
import type { NetworkDefinition } from './network.ts';
import { resnetV1_50, resnetV1_101, resnetV1_152 } from './resnetV1.ts';

/** Networks by name. */
export const networks: Readonly<Record<string, NetworkDefinition>> = {
  cifarnet,
  lenet,
  resnet_v1_50: resnetV1_50,
  resnet_v1_101: resnetV1_101,
  resnet_v1_152: resnetV1_152,
};

/** @throws UsageError  when there is no such network, listing those that there are */
export function getNetwork(name: string): NetworkDefinition {
  const network = networks[name];
  if (network === undefined) {
    const known = Object.keys(networks).join(', ');
    throw new UsageError(`--model_name: got "${name}"; expected one of ${known}.`);
  }
  return network;
}
