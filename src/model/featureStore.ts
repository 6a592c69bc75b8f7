/** What the frozen part of a network gives of each item: kept from the first time on, in memory or in a file. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { allocate } from '../allocation.ts';
import type { HostTensor } from '../engines/engine.ts';
import { unreadable, writeError } from '../errors.ts';
import { freeBytes } from '../files/freeSpace.ts';
import { float16Values, toFloat16 } from '../float16.ts';
import { sizeOf } from '../graph/shape.ts';

/** How the numbers are kept. */
export type FeaturePrecision = 'float16' | 'float32';

/** Name of the file, in the folder of a run. */
export const featuresFile = 'features.tmp';
/** Bytes up to which features lie in memory; of more, in a file. */
export const maxFeatureMemory = 512 * 2 ** 20;
/** Share of what is free on the disk that the file takes at most. */
const maxDiskShare = 0.5;

/** How many features there are. */
export interface FeatureStoreOptions {
  /** Of one item. */
  readonly shape: readonly number[];
  /** Items of the split's source: item indices are below it. */
  readonly sourceSize: number;
  /** Items that are trained on. */
  readonly items: number;
  readonly precision: FeaturePrecision;
}

/** Bytes of the features of all items. */
export function featureBytes({ shape, items, precision }: FeatureStoreOptions): number {
  return items * sizeOf(shape) * (precision === 'float16' ? 2 : 4);
}

/**
 * Whether so much can be kept, for a file of a run.
 *
 * @param folder  of the run
 */
export async function canKeep(bytes: number, folder: string): Promise<boolean> {
  if (bytes <= maxFeatureMemory) return true;
  return bytes <= maxDiskShare * (await freeBytes(folder));
}

/** Where rows of bytes lie. */
interface Rows {
  write(slot: number, row: Uint8Array): Promise<void> | undefined;
  read(slot: number, row: Uint8Array): Promise<void> | undefined;
  close(): Promise<void>;
}

function rowsInMemory(bytes: number, rowBytes: number): Rows {
  const remedy = 'Train with --augmentation=full, which keeps none.';
  const memory = allocate(() => new Uint8Array(bytes), 'features of all items', bytes, remedy);
  return {
    write: (slot, row) => void memory.set(row, slot * rowBytes),
    read: (slot, row) => void row.set(memory.subarray(slot * rowBytes, (slot + 1) * rowBytes)),
    close: async () => {},
  };
}

/** Opens a file that is empty, and goes with the last that has it open: nothing stays of a process that is killed. */
async function openUnnamed(path: string): Promise<FileHandle> {
  const file = await open(path, 'w+');
  // Not everywhere.
  await rm(path).catch(() => {});
  return file;
}

/** The file is made when the first row is written. */
function rowsInFile(path: string, rowBytes: number): Rows {
  let opening: Promise<FileHandle> | undefined;
  return {
    write: async (slot, row) => {
      try {
        opening ??= openUnnamed(path);
        const file = await opening;
        let done = 0;
        while (done < rowBytes) {
          const at = slot * rowBytes + done;
          done += (await file.write(row, done, rowBytes - done, at)).bytesWritten;
        }
      } catch (error) {
        throw writeError(path, error);
      }
    },
    read: async (slot, row) => {
      try {
        await (await opening)?.read(row, 0, rowBytes, slot * rowBytes);
      } catch (error) {
        throw unreadable(path, error);
      }
    },
    close: async () => {
      const file = await opening?.catch(() => undefined);
      await file?.close();
      await rm(path, { force: true });
    },
  };
}

/** Keeps the features of items. */
export class FeatureStore {
  readonly #options: FeatureStoreOptions;
  readonly #rows: Rows;
  /** The place of each item's features; −1 where they are not known yet. */
  readonly #slots: Int32Array;
  #used = 0;

  private constructor(options: FeatureStoreOptions, rows: Rows) {
    this.#options = options;
    this.#rows = rows;
    this.#slots = new Int32Array(options.sourceSize).fill(-1);
  }

  /**
   * An empty store.
   *
   * @param path       of the file, should it need one; what was there is lost, and nothing stays there
   * @param maxMemory  bytes beyond which it does
   * @throws UserError  when memory is short
   */
  static open(
    options: FeatureStoreOptions,
    path: string,
    maxMemory = maxFeatureMemory,
  ): FeatureStore {
    const bytes = featureBytes(options);
    const rowBytes = bytes / Math.max(1, options.items);
    const rows = bytes <= maxMemory ? rowsInMemory(bytes, rowBytes) : rowsInFile(path, rowBytes);
    return new FeatureStore(options, rows);
  }

  /** Whether the features of an item are known. */
  has(itemIndex: number): boolean {
    return this.#slots[itemIndex]! >= 0;
  }

  /**
   * Keeps the features of items, each once.
   *
   * @param features  float32 [n, …]
   * @throws WriteError  when they cannot be written; then none of them is known
   */
  async put(itemIndices: ArrayLike<number>, { data }: HostTensor): Promise<void> {
    const size = sizeOf(this.#options.shape);
    const first = this.#used;
    this.#used += itemIndices.length;
    const writes: (Promise<void> | undefined)[] = [];
    for (let i = 0; i < itemIndices.length; i++) {
      const values = data.subarray(i * size, (i + 1) * size);
      writes.push(this.#rows.write(first + i, this.#encode(values)));
    }
    await Promise.all(writes);
    for (let i = 0; i < itemIndices.length; i++) this.#slots[itemIndices[i]!] = first + i;
  }

  /** Features as they would be read had they been put. */
  rounded(values: HostTensor['data']): Float32Array {
    if (this.#options.precision === 'float32') return Float32Array.from(values);
    const numbers = float16Values();
    return Float32Array.from(values, (value) => numbers[toFloat16(value)]!);
  }

  /** The features of items, all of which are known: float32 [n, …]. */
  async read(itemIndices: ArrayLike<number>): Promise<HostTensor> {
    const { shape, precision } = this.#options;
    const size = sizeOf(shape);
    const count = itemIndices.length;
    const values = new Float32Array(new SharedArrayBuffer(4 * count * size));
    const kept = precision === 'float32' ? values : new Uint16Array(count * size);
    const rowBytes = size * kept.BYTES_PER_ELEMENT;
    const reads: (Promise<void> | undefined)[] = [];
    for (let i = 0; i < count; i++) {
      const row = new Uint8Array(kept.buffer, i * rowBytes, rowBytes);
      reads.push(this.#rows.read(this.#slots[itemIndices[i]!]!, row));
    }
    await Promise.all(reads);
    if (kept !== values) {
      const numbers = float16Values();
      for (let i = 0; i < kept.length; i++) values[i] = numbers[kept[i]!]!;
    }
    return { data: values, shape: [count, ...shape] };
  }

  /** Forgets all. */
  async close(): Promise<void> {
    await this.#rows.close();
  }

  #encode(values: HostTensor['data']): Uint8Array {
    if (this.#options.precision === 'float32') {
      return new Uint8Array(Float32Array.from(values).buffer);
    }
    const kept = new Uint16Array(values.length);
    // By index: with an iterator, that takes a hundred times as long.
    for (let i = 0; i < kept.length; i++) kept[i] = toFloat16(values[i]!);
    return new Uint8Array(kept.buffer);
  }
}
