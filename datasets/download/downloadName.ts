/** Data sets whose files can be downloaded. */
export const downloadNames = ['mnist', 'cifar10'] as const;
/** One of them. */
export type DownloadName = (typeof downloadNames)[number];
