/** Memory of items that lie anywhere, brought near at once. */

/** What was read is used: else it would not be read at all. */
const used = new Float64Array(1);

/** Numbers of four bytes in a line of the processor's caches. */
const lineLength = 16;

/**
 * Reads from the rows of some items, none of which waits for the one before: who then works on them one
 * after the other finds them in the processor's caches.
 *
 * @param values  [rows, columns]
 * @param items   the rows
 */
export function fetchRows(
  values: Float32Array | Int32Array,
  columns: number,
  items: ArrayLike<number>,
): void {
  let sum = 0;
  for (let i = 0; i < items.length; i++) {
    const first = items[i]! * columns;
    for (let at = 0; at < columns; at += lineLength) sum += values[first + at]!;
    sum += values[first + columns - 1]!;
  }
  used[0] = sum;
}
