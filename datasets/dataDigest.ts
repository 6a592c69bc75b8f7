/** Tells data sets apart. */
import { createHash } from 'node:crypto';
import type { Dataset } from './dataset.ts';

/** A hexadecimal SHA-256 of the items that are used and of all labels. */
export function digestOf({ items, labels }: Pick<Dataset, 'items' | 'labels'>): string {
  return createHash('sha256').update(items).update(Int32Array.from(labels)).digest('hex');
}
