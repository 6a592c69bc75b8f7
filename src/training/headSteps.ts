/** Steps of a run that computes the frozen part of its network once for each item. */
import type { HostTensor, Session } from '../engines/engine.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import type { FeatureStore } from './featureStore.ts';

type Tensors = Readonly<Record<string, HostTensor>>;

/** Some rows of all tensors. */
function rowsOf(tensors: Tensors, rows: readonly number[]): Tensors {
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

/** Does steps from the features of items, by the entry points that `headSignatures` names. */
export class HeadSteps {
  readonly #session: Session;
  readonly #store: FeatureStore;
  readonly #isMonitored: (itemIndex: number) => boolean;
  /** Resolves when the session has been given the last step: it does what it is given one after the other. */
  #given: Promise<unknown> = Promise.resolve();

  /** @param isMonitored  whether a step looks at what an item is in the layers before the features */
  constructor(session: Session, store: FeatureStore, isMonitored: (itemIndex: number) => boolean) {
    this.#session = session;
    this.#store = store;
    this.#isMonitored = isMonitored;
  }

  /** Whether the item itself is needed for its next step, and not its features alone. */
  readonly isNeeded = (itemIndex: number): boolean =>
    !this.#store.has(itemIndex) || this.#isMonitored(itemIndex);

  /**
   * Does a step.
   *
   * @param batch  with all items prepared that are needed
   * @param rows   to monitor
   * @param feeds  of `train`, without the items
   * @returns      what `train` or, with summaries, `train_with_summaries` would have returned, but for statistics of
   *               the layers before the features, and then all variables after the step
   */
  async run(
    batch: Batch,
    rows: Int32Array | undefined,
    feeds: Tensors,
    hasSummaries: boolean,
  ): Promise<readonly [step: Tensors, variables: Tensors | undefined]> {
    const signature = hasSummaries ? 'train_head_with_summaries' : 'train_head';
    const turn = Promise.all([this.#featuresOf(batch), this.#given]).then(([features]) => ({
      step: this.#session.run(signature, { ...feeds, features }),
      // Right behind it: the next step changes them.
      variables: hasSummaries ? this.#session.run('read', {}) : undefined,
    }));
    this.#given = turn.catch(() => {});
    const { step, variables } = await turn;
    const [outputs, values] = await Promise.all([step, variables]);
    const monitored = rows?.length ? await this.#monitor(batch, rows, feeds, outputs) : {};
    return [{ ...outputs, ...monitored }, values];
  }

  /** The features of a batch; what is not known yet is computed. */
  async #featuresOf({ itemIndices, feeds, preparedRows }: Batch): Promise<HostTensor> {
    const prepared = [...(preparedRows ?? itemIndices.keys())];
    const missing = [...prepared.keys()].filter(
      (position) => !this.#store.has(itemIndices[prepared[position]!]!),
    );
    if (missing.length > 0) {
      const items = missing.map((position) => itemIndices[prepared[position]!]!);
      const isAll = missing.length === prepared.length;
      const outputs = await this.#session.run('features', isAll ? feeds : rowsOf(feeds, missing));
      await this.#store.put(items, outputs['features']!);
    }
    return this.#store.read(itemIndices);
  }

  /** What the layers before the features make of the monitored rows. */
  async #monitor(
    { feeds: items, preparedRows }: Batch,
    rows: Int32Array,
    { labels }: Tensors,
    outputs: Tensors,
  ): Promise<Tensors> {
    const positions = Array.from(rows, (row) => preparedRows?.indexOf(row) ?? row);
    const { feature_gradients } = outputs;
    return await this.#session.run('monitor', {
      ...rowsOf(items, positions),
      ...(feature_gradients ? { feature_gradients } : {}),
      labels: labels!,
      monitor_rows: { data: Int32Array.from(rows.keys()), shape: [rows.length] },
    });
  }
}
