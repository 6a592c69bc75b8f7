/** The scores of one presentation of an item, in the order of the packed output. */
export const stepScores = [
  'contribution',
  'contribution_positive',
  'contribution_negative',
  'loss',
  'margin',
  'entropy',
  'confidence',
  'el2n',
  'grand',
] as const;
/** One of them. */
export type StepScore = (typeof stepScores)[number];
