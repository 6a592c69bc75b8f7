/** The built-in networks, as --model_name names them. */
export const networkNames = [
  'cifarnet',
  'efficientnet_lite0',
  'lenet',
  'resnet_v1_20',
  'resnet_v1_50',
  'resnet_v1_101',
  'resnet_v1_152',
  'textcnn',
] as const;
/** One of them. */
export type NetworkName = (typeof networkNames)[number];
