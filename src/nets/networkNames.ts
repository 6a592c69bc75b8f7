/** The built-in networks, as --model_name names them. */
import { UsageError } from '../errors.ts';

/** All of them. */
export const networkNames = [
  'cifarnet',
  'efficientnet_lite0',
  'inception_v3',
  'lenet',
  'mobilenet_v1',
  'mobilenet_v2',
  'resnet_v1_20',
  'resnet_v1_50',
  'resnet_v1_101',
  'resnet_v1_152',
  'resnet_v2_50',
  'textcnn',
  'vgg_16',
] as const;
/** One of them. */
export type NetworkName = (typeof networkNames)[number];

/** @throws UsageError  when there is no such network, listing those that there are */
export function expectNetworkName(name: string): NetworkName {
  const known = networkNames.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new UsageError(
    `--model_name: got "${name}"; expected one of ${networkNames.join(', ')}, or a file such as ./my-net.js.`,
  );
}
