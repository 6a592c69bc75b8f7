/** The networks by the name that --model_name takes. */
import { UsageError } from '../errors.ts';
import { cifarnet } from './cifarnet.ts';
import { efficientnetLite0 } from './efficientnetLite.ts';
import { lenet } from './lenet.ts';
import type { NetworkDefinition } from './network.ts';
import { type NetworkName, networkNames } from './networkNames.ts';
import { importNetwork, isNetworkFile } from './ownNetwork.ts';
import { resnetV1_50, resnetV1_101, resnetV1_152 } from './resnetV1.ts';
import { resnetV1_20 } from './resnetV1Cifar.ts';
import { textcnn } from './textcnn.ts';

const networks: Readonly<Record<NetworkName, NetworkDefinition>> = {
  cifarnet,
  efficientnet_lite0: efficientnetLite0,
  lenet,
  resnet_v1_20: resnetV1_20,
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
  const known = networkNames.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new UsageError(
      `--model_name: got "${name}"; expected one of ${networkNames.join(', ')}, or a file such as ./my-net.js.`,
    );
  }
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
