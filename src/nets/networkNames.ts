/** The built-in networks, as --model_name names them. */
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
