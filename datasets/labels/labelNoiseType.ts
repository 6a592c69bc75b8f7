/**
 * The kinds of label noise:
 *
 * - `symmetric`  any item, each other class as likely
 * - `pairwise`   any item, always to the one class that its own is easily taken for
 * - `image`      items that look like another class are the likelier ones, and get that class
 */
export const labelNoiseTypes = ['symmetric', 'pairwise', 'image'] as const;
/** One of them. */
export type LabelNoiseType = (typeof labelNoiseTypes)[number];
