/**
 * The kinds of label noise:
 *
 * - `symmetric`  any item, each other class as likely
 * - `pairwise`   any item, always to the one class that its own is easily taken for
 * - `image`      as another network takes items for other classes: the likelier an item, and a class, the
 *                likelier that network finds it
 * - `cluster`    half of the items of some clusters, to the class that the cluster looks like
 */
export const labelNoiseTypes = ['symmetric', 'pairwise', 'image', 'cluster'] as const;
/** One of them. */
export type LabelNoiseType = (typeof labelNoiseTypes)[number];
