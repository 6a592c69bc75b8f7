/** Records of an event file that wait for the disk. */
import { frameRecord, recordHeadBytes, recordOverheadBytes } from '../files/tfrecord.ts';

/** Memory that is kept for the next records: more than usually waits, less than large pictures take. */
const maxKeptBytes = 4 << 20;

/**
 * Records, one behind the other as in the file. They are made where they are written from, in memory that is kept:
 * views are many and large, and new memory for each, and for what joins them, is garbage by the megabyte.
 */
export class WaitingRecords {
  #memory = Buffer.alloc(0);
  /** Where each ends, in bytes from the first one on. */
  readonly #ends: number[] = [];

  /** How many there are. */
  get count(): number {
    return this.#ends.length;
  }

  /** Of all of them. */
  get byteLength(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** All of them; valid until the next one comes. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.byteLength);
  }

  /**
   * Adds a record.
   *
   * @param encode  writes its payload into the memory of the size that it asks for; where it throws, nothing is added
   */
  add(encode: (reserve: (bytes: number) => Buffer) => void): void {
    const start = this.byteLength;
    let end = start;
    encode((bytes) => {
      end = start + recordOverheadBytes + bytes;
      this.#grow(end);
      return this.#memory.subarray(start + recordHeadBytes, start + recordHeadBytes + bytes);
    });
    frameRecord(this.#memory.subarray(start, end));
    this.#ends.push(end);
  }

  /** How many whole records so many bytes hold, and where the last of those ends. */
  within(bytes: number): { count: number; byteLength: number } {
    const whole = this.#ends.filter((end) => end <= bytes);
    return { count: whole.length, byteLength: whole.at(-1) ?? 0 };
  }

  /** Forgets all records. */
  clear(): void {
    this.#ends.length = 0;
    if (this.#memory.length > maxKeptBytes) this.#memory = Buffer.alloc(0);
  }

  #grow(bytes: number): void {
    if (bytes <= this.#memory.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#memory.length));
    grown.set(this.bytes);
    this.#memory = grown;
  }
}
