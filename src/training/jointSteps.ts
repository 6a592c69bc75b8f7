/** The parts of a step that are not the chief's own, and the update of all together. */

import type { PartPlace } from '../cluster/letters.ts';
import type { Team } from '../cluster/team.ts';
import { updatingOf } from '../cluster/updating.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import type { Batch, BatchItems, BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { doPart } from './partStep.ts';
import { learningRateAfter, type NetworkPlan } from './planRun.ts';
import { jointUpdateFeeds, replicaFeeds } from './stepFeeds.ts';

/** What a session returns of a run. */
type Outputs = Readonly<Record<string, HostTensor>>;

/** What they work with. */
export interface JointStepsOptions {
  readonly plan: NetworkPlan;
  readonly session: Session;
  readonly pipeline: BatchPipeline;
  /** Rows of a part to monitor; undefined without monitored layers. */
  rowsToMonitor(batch: BatchItems): Int32Array | undefined;
}

/** What the chief does of a step for all. */
export class JointSteps {
  readonly #team: Team;
  readonly #options: JointStepsOptions;
  /** Resolves when the variables are those after the last step. */
  #updated: Promise<unknown> = Promise.resolve();
  /** The epoch in which the others have got the variables. */
  #shared: number | undefined;
  /** Of steps that all did together, by step. */
  readonly #others = new Map<number, readonly StepPart[]>();

  constructor(team: Team, options: JointStepsOptions) {
    this.#team = team;
    this.#options = options;
  }

  /** Where each worker updates its own copy: has the others do a step which the chief is about to begin, too. */
  announce(step: number): void {
    const { plan, session } = this.#options;
    if (updatingOf(plan.options) !== 'reduced') return;
    const epoch = Math.floor((step - 1) / plan.stepsPerEpoch);
    this.#team.allow(step);
    // What fails of it fails in the step behind it, too.
    if (epoch !== this.#shared) session.run('give', {}).catch(() => {});
    this.#shared = epoch;
  }

  /** Waits for the chief's run of a step, which others may keep. */
  finished<T>(step: number, run: Promise<T>): Promise<T> {
    const { plan } = this.#options;
    return updatingOf(plan.options) === 'reduced' ? this.#team.waitForRun(step, run) : run;
  }

  /**
   * Does a step together with the others, after those before it.
   *
   * @param batch         the chief's part
   * @param step          steps done with this one
   * @param rows          of the part to monitor; undefined for an entry point that takes none
   * @param hasSummaries  whether all variables after the step are wanted, too
   */
  run(
    entryPoint: string,
    batch: Batch,
    step: number,
    rows: Int32Array | undefined,
    hasSummaries: boolean,
  ): Promise<readonly [step: Outputs, variables: Outputs | undefined]> {
    const { session } = this.#options;
    const turn = this.#updated.then(async () => {
      const outputs = await this.#doStep(entryPoint, batch, step, rows);
      return [outputs, hasSummaries ? await session.run('read', {}) : undefined] as const;
    });
    this.#updated = turn;
    return turn;
  }

  /** The other parts of a step, in the order of their items in the joint batch. */
  async ofOthers(step: number): Promise<readonly StepPart[]> {
    const together = this.#others.get(step);
    this.#others.delete(step);
    if (together) return together;
    for (;;) {
      const found = await this.#team.partsOf(step);
      if (!('share' in found)) return found;
      await this.#doFor(found);
    }
  }

  async #doStep(
    entryPoint: string,
    batch: Batch,
    step: number,
    rows: Int32Array | undefined,
  ): Promise<Outputs> {
    const { plan, session } = this.#options;
    const before = step - 1;
    for (;;) {
      const places = await this.#team.openRound(step);
      const { round } = this.#team;
      const own = await session.run(entryPoint, {
        ...batch.feeds,
        ...replicaFeeds(batch, batch.joint!, before, round, rows, plan.options),
      });
      for (const place of places) await this.#doFor(place);
      const others = await this.#team.partsOfRound();
      if (others === undefined) {
        // What the lost one has given of its gradients is not known.
        await session.run('throw_away', {});
        this.#team.closeRound(false);
        continue;
      }
      const losses = others.map(({ outcome }) => outcome.loss);
      const loss = losses.reduce((sum, each) => sum + each, own['total_loss']!.data[0]!);
      const rate = learningRateAfter(before, plan);
      const feeds = jointUpdateFeeds(loss, rate, before, plan.options);
      const { is_finite } = await session.run('update', feeds);
      this.#team.closeRound(true);
      this.#others.set(step, others);
      return { ...own, is_finite: is_finite! };
    }
  }

  /** Does what a worker would do that is not there. */
  async #doFor(place: PartPlace): Promise<void> {
    const { plan, session, pipeline, rowsToMonitor } = this.#options;
    const { step, share } = place;
    const before = step - 1;
    const perEpoch = plan.stepsPerEpoch;
    const ofWorker = { worker: share, workers: plan.options.worker_hosts.length };
    const part = await pipeline.usePart(
      ...([Math.floor(before / perEpoch), before % perEpoch, ofWorker] as const),
      (batch) => doPart(plan, session, batch, place, rowsToMonitor(batch)),
    );
    this.#team.give(place, part);
  }
}
