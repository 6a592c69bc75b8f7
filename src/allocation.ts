/** Memory for numbers, and what is said when there is not so much. */
import { UserError } from './errors.ts';

/**
 * What a function makes.
 *
 * @param what    needs the memory, for the error
 * @param bytes   that it needs
 * @param remedy  a sentence: how to need less
 * @throws UserError  when there is no room for it
 */
export function allocate<T>(make: () => T, what: string, bytes: number, remedy: string): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const size = (bytes / 2 ** 30).toLocaleString('en-US', { maximumFractionDigits: 1 });
    throw new UserError(`${what}: ${size} GiB cannot be allocated. ${remedy}`);
  }
}
