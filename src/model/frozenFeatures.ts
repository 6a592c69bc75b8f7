/** What the frozen part of a network gives of the items of a batch: computed the first time, and kept. */
import type { HostTensor, Session } from '../engines/engine.ts';
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

  /** @param signature  of the session, that is fed items and outputs `features` */
  constructor(session: Session, signature: string, store: FeatureStore) {
    this.#session = session;
    this.#signature = signature;
    this.#store = store;
  }

  /** Whether the item itself is not needed any more. */
  has(itemIndex: number): boolean {
    return this.#store.has(itemIndex);
  }

  /**
   * Those of a batch, float32 [n, …].
   *
   * @param batch  with all items prepared whose features are not known
   * @throws UserError  when they cannot be written
   */
  async of({ itemIndices, feeds, preparedRows }: Batch): Promise<HostTensor> {
    const prepared = [...(preparedRows ?? itemIndices.keys())];
    const missing = [...prepared.keys()].filter(
      (position) => !this.#store.has(itemIndices[prepared[position]!]!),
    );
    if (missing.length > 0) {
      const items = missing.map((position) => itemIndices[prepared[position]!]!);
      const isAll = missing.length === prepared.length;
      const outputs = await this.#session.run(
        this.#signature,
        isAll ? feeds : rowsOf(feeds, missing),
      );
      await this.#store.put(items, outputs['features']!);
    }
    return this.#store.read(itemIndices);
  }
}
