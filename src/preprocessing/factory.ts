/** The preprocessings by the name that --preprocessing_name takes. */
import { UsageError } from '../errors.ts';
import { cifarnet } from './cifarnet.ts';
import { lenet } from './lenet.ts';
import type { Preprocessing } from './preprocessing.ts';
import { vgg } from './vgg.ts';

const preprocessings: Readonly<Record<string, Preprocessing>> = { cifarnet, lenet, vgg };

/** @throws UsageError  when there is no such preprocessing, listing those that there are */
export function getPreprocessing(name: string): Preprocessing {
  const preprocessing = preprocessings[name];
  if (preprocessing === undefined) {
    const known = Object.keys(preprocessings).join(', ');
    throw new UsageError(`--preprocessing_name: got "${name}"; expected one of ${known}.`);
  }
  return preprocessing;
}
