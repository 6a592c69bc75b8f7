/** The networks by the name that --model_name takes. */
import { cifarnet } from './cifarnet.ts';
import { efficientnetLite0 } from './efficientnetLite.ts';
import { inceptionV3 } from './inceptionV3.ts';
import { lenet } from './lenet.ts';
import { mobilenetV1 } from './mobilenetV1.ts';
import { mobilenetV2 } from './mobilenetV2.ts';
import type { NetworkDefinition } from './network.ts';
import { expectNetworkName, type NetworkName } from './networkNames.ts';
import { importNetwork, isNetworkFile } from './ownNetwork.ts';
import { resnetV1_50, resnetV1_101, resnetV1_152 } from './resnetV1.ts';
import { resnetV1_20 } from './resnetV1Cifar.ts';
import { resnetV2_50 } from './resnetV2.ts';
import { textcnn } from './textcnn.ts';
import { vgg16 } from './vgg.ts';

const networks: Readonly<Record<NetworkName, NetworkDefinition>> = {
  cifarnet,
  efficientnet_lite0: efficientnetLite0,
  inception_v3: inceptionV3,
  lenet,
  mobilenet_v1: mobilenetV1,
  mobilenet_v2: mobilenetV2,
  resnet_v1_20: resnetV1_20,
  resnet_v1_50: resnetV1_50,
  resnet_v1_101: resnetV1_101,
  resnet_v1_152: resnetV1_152,
  resnet_v2_50: resnetV2_50,
  textcnn,
  vgg_16: vgg16,
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
