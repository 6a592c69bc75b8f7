/** What becomes of a run when a step is not finite. */

/** The values of --on_nan: whether steps behind such a one change variables again. */
export const onNanChoices = ['stop', 'skip'] as const;
/** The value of --on_nan. */
export type OnNan = (typeof onNanChoices)[number];
