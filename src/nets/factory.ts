/** The networks by the name that --model_name takes. */
import type { NetworkDefinition } from './network.ts';
import { expectNetworkName, type NetworkName } from './networkNames.ts';
import { importNetwork, isNetworkFile } from './ownNetwork.ts';

/** Only the one that is named is loaded: a run has one. */
const networks: Readonly<Record<NetworkName, () => Promise<NetworkDefinition>>> = {
  cifarnet: async () => (await import('./cifarnet.ts')).cifarnet,
  efficientnet_lite0: async () => (await import('./efficientnetLite.ts')).efficientnetLite0,
  inception_v3: async () => (await import('./inceptionV3.ts')).inceptionV3,
  lenet: async () => (await import('./lenet.ts')).lenet,
  mobilenet_v1: async () => (await import('./mobilenetV1.ts')).mobilenetV1,
  mobilenet_v2: async () => (await import('./mobilenetV2.ts')).mobilenetV2,
  resnet_v1_20: async () => (await import('./resnetV1Cifar.ts')).resnetV1_20,
  resnet_v1_50: async () => (await import('./resnetV1.ts')).resnetV1_50,
  resnet_v1_101: async () => (await import('./resnetV1.ts')).resnetV1_101,
  resnet_v1_152: async () => (await import('./resnetV1.ts')).resnetV1_152,
  resnet_v2_50: async () => (await import('./resnetV2.ts')).resnetV2_50,
  textcnn: async () => (await import('./textcnn.ts')).textcnn,
  vgg_16: async () => (await import('./vgg.ts')).vgg16,
};

/**
 * The network that --model_name stands for: a built-in one, or a module of the user's own.
 *
 * @throws UserError  when there is none of this name, or the module is not right
 */
export async function loadNetwork(name: string): Promise<NetworkDefinition> {
  if (isNetworkFile(name)) return importNetwork(name);
  const known = expectNetworkName(name);
  return { ...(await networks[known]()), modelName: known };
}
