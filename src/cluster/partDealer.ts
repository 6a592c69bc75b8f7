/**
 * Who does which part of an epoch where each worker goes on by itself: its own share from the beginning to the end, and
 * of one that is lost the others part by part, only some steps ahead, so that one that comes back has the rest.
 */
import type { PartPlace } from './letters.ts';

/** Steps behind the chief's that parts are dealt for. */
const stepsAhead = 16;

/** Deals the parts of shares whose worker is not there. */
export class PartDealer {
  /** Step from which on each worker does its share; Infinity while it is not there. */
  readonly #attendedFrom: number[];
  /** Worker that has each part that was dealt, by share, then step. */
  readonly #dealt: Map<number, number>[];
  /** Steps that the chief has of all workers. */
  #step = 0;
  #end = 0;
  #next = 0;

  /** @param workers  of which all are there */
  constructor(workers: number) {
    this.#attendedFrom = Array<number>(workers).fill(0);
    this.#dealt = Array.from({ length: workers }, () => new Map());
  }

  /** Steps that the chief has of all workers. */
  get step(): number {
    return this.#step;
  }

  /** Whose part it is; undefined where it was not dealt yet. */
  workerOf({ step, share }: Pick<PartPlace, 'step' | 'share'>): number | undefined {
    return step >= this.#attendedFrom[share]! ? share : this.#dealt[share]!.get(step);
  }

  /** An epoch begins after so many steps, and ends after others: whoever is there does its share of all of it. */
  begin(step: number, end: number): void {
    this.#step = step;
    this.#end = end;
    for (const dealt of this.#dealt) dealt.clear();
    this.#attendedFrom.forEach((from, share) => {
      if (from !== Number.POSITIVE_INFINITY) this.#attendedFrom[share] = 0;
    });
  }

  /** The chief has so many steps of all workers. */
  advance(step: number): void {
    this.#step = step;
    for (const dealt of this.#dealt) dealt.delete(step);
  }

  /** A worker is gone: what it has not done is dealt anew. @returns  the step after which it did its share */
  lose(worker: number): number {
    const before = this.#attendedFrom[worker]! - 1;
    this.#attendedFrom[worker] = Number.POSITIVE_INFINITY;
    for (const dealt of this.#dealt) {
      for (const [step, to] of dealt) if (to === worker) dealt.delete(step);
    }
    return before;
  }

  /** A worker is back. @returns  the step after which it does its share again: those before may be dealt already */
  admit(worker: number): number {
    const before = Math.min(this.#step + stepsAhead, this.#end);
    this.#attendedFrom[worker] = before + 1;
    return before;
  }

  /**
   * Deals what is to be done soon and nobody does.
   *
   * @param present  the workers that are there, the chief among them
   * @param isDone   whether the chief has a part
   * @returns        what was dealt, by worker
   */
  deal(
    present: readonly number[],
    isDone: (step: number, share: number) => boolean,
  ): Map<number, PartPlace[]> {
    const dealt = new Map<number, PartPlace[]>();
    const last = Math.min(this.#step + stepsAhead, this.#end);
    for (let step = this.#step + 1; step <= last; step++) {
      for (let share = 0; share < this.#dealt.length; share++) {
        if (this.workerOf({ step, share }) !== undefined || isDone(step, share)) continue;
        const worker = present[this.#next++ % present.length]!;
        this.#dealt[share]!.set(step, worker);
        const places = dealt.get(worker) ?? [];
        places.push({ step, share, round: 0 });
        dealt.set(worker, places);
      }
    }
    return dealt;
  }
}
