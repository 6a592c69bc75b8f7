/** The networks by the name that --model_name takes. */
import { cifarnet } from './cifarnet.ts';
import { lenet } from './lenet.ts';
import type { NetworkDefinition } from './network.ts';
import { expectNetworkName, type NetworkName } from './networkNames.ts';
import { importNetwork, isNetworkFile } from './ownNetwork.ts';
import { resnetV1_50, resnetV1_101, resnetV1_152 } from './resnetV1.ts';
import { textcnn } from './textcnn.ts';

const networks: Readonly<Record<NetworkName, NetworkDefinition>> = {
  cifarnet,
  lenet,
  resnet_v1_50: resnetV1_50,
  resnet_v1_101: resnetV1_101,
  resnet_v1_152: resnetV1_152,
  textcnn,
};

/**
 * One of the built-in networks.
 *
 * @throws UsageError  when there is no such network, listing those that there are
 */
export function getNetwork(name: string): NetworkDefinition {
  const known = expectNetworkName(name);
  return { ...networks[known], modelName: known };
}

/**
 * The network that --model_name stands for: a built-in one, or a module of the user's own.
 *
 * @throws UserError  when there is none of this name, or the module is not right
 */
export async function loadNetwork(name: string): Promise<NetworkDefinition> {
  return isNetworkFile(name) ? importNetwork(name) : getNetwork(name);
}
