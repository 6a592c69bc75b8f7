/** What may share a colour scale: a view, the views of an item, or all of a run; the default first. */
export const colorScales = ['view', 'item', 'run'] as const;
/** One of them. */
export type ColorScale = (typeof colorScales)[number];
