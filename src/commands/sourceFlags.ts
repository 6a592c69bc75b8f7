/** Flags that say where data comes from, shared by all commands that read some. */
import type { FlagEffect } from './flagEffects.ts';
import { choice, type FlagValues, integer, optionalPath, real } from './flags.ts';

/** By the names of `DataOptions`. */
export const sourceFlags = {
  dataset_dir: optionalPath('folder of the data set'),
  validation_split: real(
    0,
    'share of each class of `train` that is drawn as the split `validation`, 0..1',
    {
      min: 0,
      max: 1,
    },
  ),
  validation_seed: integer(0, 'draws the split `validation`: another number, other items', {
    min: 0,
  }),
  on_bad_item: choice(
    ['fail', 'skip'] as const,
    'fail',
    'an image that cannot be decoded ends it all, or is left out and listed (skipped.csv of a run)',
  ),
  max_image_megapixels: integer(
    64,
    'largest image that is decoded, in 2²⁰ pixels: a few bytes can stand for one that fills the memory',
    { min: 1, max: 4096 },
  ),
  max_data_memory_mb: integer(1024, 'MiB of images of a split that are kept in memory at most', {
    min: 0,
  }),
};

/** Which of them have an effect only with others. */
export const sourceFlagEffects: readonly FlagEffect<FlagValues<{ Data: typeof sourceFlags }>>[] = [
  {
    flags: ['validation_seed'],
    missing: ({ validation_split }) =>
      validation_split > 0 ? undefined : 'without --validation_split',
  },
];
