/** What the frozen part of a network gives of the items of a batch: computed the first time, and kept. */
import type { HostTensor, Session } from '../engines/engine.ts';
import { WriteError } from '../errors.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import type { FeatureStore } from './featureStore.ts';

/** Tensors by name. */
export type HostTensors = Readonly<Record<string, HostTensor>>;

/** Some rows of all tensors. */
export function rowsOf(tensors: HostTensors, rows: readonly number[]): HostTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, shape }]) => {
      const size = data.length / shape[0]!;
      const taken = data.slice(0, rows.length * size);
      rows.forEach((row, i) => {
        taken.set(data.subarray(row * size, (row + 1) * size), i * size);
      });
      return [name, { data: taken, shape: [rows.length, ...shape.slice(1)] }];
    }),
  );
}

/** The features of the items of one split. */
export class FrozenFeatures {
  readonly #session: Session;
  readonly #signature: string;
  readonly #store: FeatureStore;
  readonly #onUnkept: (error: WriteError) => void;
  #isKeeping = true;

  /**
   * @param signature  of the session, that is fed items and outputs `features`
   * @param onUnkept   told when the store takes no more: from then on, what it has not is computed each time
   */
  constructor(
    session: Session,
    signature: string,
    store: FeatureStore,
    onUnkept: (error: WriteError) => void,
  ) {
    this.#session = session;
    this.#signature = signature;
    this.#store = store;
    this.#onUnkept = onUnkept;
  }

  /** Whether the item itself is not needed any more. */
  has(itemIndex: number): boolean {
    return this.#store.has(itemIndex);
  }

  /**
   * Those of a batch, float32 [n, …].
   *
   * @param batch  with all items prepared whose features are not known
   * @throws UserError  when those that are kept cannot be read
   */
  async of({ itemIndices, feeds, preparedRows }: Batch): Promise<HostTensor> {
    const prepared = [...(preparedRows ?? itemIndices.keys())];
    const missing = [...prepared.keys()].filter(
      (position) => !this.#store.has(itemIndices[prepared[position]!]!),
    );
    if (missing.length === 0) return this.#store.read(itemIndices);
    const rows = missing.map((position) => prepared[position]!);
    const isAll = missing.length === prepared.length;
    const outputs = await this.#session.run(
      this.#signature,
      isAll ? feeds : rowsOf(feeds, missing),
    );
    const features = outputs['features']!;
    const isKept = await this.#keep(
      rows.map((row) => itemIndices[row]!),
      features,
    );
    return isKept ? this.#store.read(itemIndices) : this.#merge(itemIndices, rows, features);
  }

  /** @returns whether they are known from now on */
  async #keep(itemIndices: readonly number[], features: HostTensor): Promise<boolean> {
    if (!this.#isKeeping) return false;
    try {
      await this.#store.put(itemIndices, features);
      return true;
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      if (this.#isKeeping) this.#onUnkept(error);
      this.#isKeeping = false;
      return false;
    }
  }

  /** Features of all rows: those of some rows, which are not kept, among those that are. */
  async #merge(
    itemIndices: Uint32Array,
    rows: readonly number[],
    { data, shape }: HostTensor,
  ): Promise<HostTensor> {
    const count = itemIndices.length;
    const size = data.length / rows.length;
    const values = new Float32Array(new SharedArrayBuffer(4 * count * size));
    const put = (row: number, features: HostTensor['data'], at: number) =>
      values.set(features.subarray(at * size, (at + 1) * size), row * size);
    const computed = this.#store.rounded(data);
    for (const [at, row] of rows.entries()) put(row, computed, at);
    const keptRows = [...itemIndices.keys()].filter((row) => !rows.includes(row));
    const kept = await this.#store.read(keptRows.map((row) => itemIndices[row]!));
    for (const [at, row] of keptRows.entries()) put(row, kept.data, at);
    return { data: values, shape: [count, ...shape.slice(1)] };
  }
}
