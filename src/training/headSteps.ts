/** Steps of a run that computes the frozen part of its network once for each item. */
import type { Session } from '../engines/engine.ts';
import { type FrozenFeatures, type HostTensors, rowsOf } from '../model/frozenFeatures.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';

/** Does steps from the features of items, by the entry points that `headSignatures` names. */
export class HeadSteps {
  readonly #session: Session;
  readonly #features: FrozenFeatures;
  readonly #isMonitored: (itemIndex: number) => boolean;
  /** Resolves when the session has been given the last step: it does what it is given one after the other. */
  #given: Promise<unknown> = Promise.resolve();

  /** @param isMonitored  whether a step looks at what an item is in the layers before the features */
  constructor(
    session: Session,
    features: FrozenFeatures,
    isMonitored: (itemIndex: number) => boolean,
  ) {
    this.#session = session;
    this.#features = features;
    this.#isMonitored = isMonitored;
  }

  /** Whether the item itself is needed for its next step, and not its features alone. */
  readonly isNeeded = (itemIndex: number): boolean =>
    !this.#features.has(itemIndex) || this.#isMonitored(itemIndex);

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
    feeds: HostTensors,
    hasSummaries: boolean,
  ): Promise<readonly [step: HostTensors, variables: HostTensors | undefined]> {
    const signature = hasSummaries ? 'train_head_with_summaries' : 'train_head';
    const turn = Promise.all([this.#features.of(batch), this.#given]).then(([features]) => ({
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

  /** What the layers before the features make of the monitored rows. */
  async #monitor(
    { feeds: items, preparedRows }: Batch,
    rows: Int32Array,
    { labels }: HostTensors,
    outputs: HostTensors,
  ): Promise<HostTensors> {
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
