/** All that losslens reads. */
import { archiveFormats } from './archiveFormats.ts';
import { checkpointFormats } from './checkpointFormats.ts';
import { datasetFormats } from './datasetFormats.ts';
import { eventFormats } from './eventFormats.ts';
import type { Format } from './hostile.ts';
import { imageFormats } from './imageFormats.ts';
import { runFileFormats } from './runFileFormats.ts';

/** By the rooms that read them. */
export const formats: readonly Format[] = [
  ...datasetFormats,
  ...imageFormats,
  ...checkpointFormats,
  ...eventFormats,
  ...runFileFormats,
  ...archiveFormats,
];
