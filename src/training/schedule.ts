/** When something is due in a training, and how long it has been at it. */

/** Tells once in every `seconds`; never when it is 0. */
export class Timer {
  readonly #intervalMs: number;
  #lastMs = performance.now();

  constructor(seconds: number) {
    this.#intervalMs = seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY;
  }

  isDue(): boolean {
    if (performance.now() - this.#lastMs < this.#intervalMs) return false;
    this.#lastMs = performance.now();
    return true;
  }
}

/** The time that goes into training: it stands still in an evaluation. */
export class TrainingClock {
  #startMs = performance.now();

  /** Milliseconds of training so far. */
  readonly now = (): number => performance.now() - this.#startMs;

  /** Awaits something that is no training. */
  async without<T>(action: () => Promise<T>): Promise<T> {
    const beginMs = performance.now();
    try {
      return await action();
    } finally {
      this.#startMs += performance.now() - beginMs;
    }
  }
}

/** When layers and weights are summarised: at the first step, at each epoch's last, and by time. */
export class SummarySchedule {
  readonly #firstStep: number;
  readonly #perEpoch: number;
  readonly #isOn: boolean;
  readonly #timer: Timer;

  /** @param seconds  between summaries; 0 for none at all */
  constructor(firstStep: number, perEpoch: number, seconds: number) {
    this.#firstStep = firstStep;
    this.#perEpoch = perEpoch;
    this.#isOn = seconds > 0;
    this.#timer = new Timer(seconds);
  }

  /** Whether the step after so many is one of them. */
  isDue(stepsBefore: number): boolean {
    const isOfEpoch = stepsBefore === this.#firstStep || (stepsBefore + 1) % this.#perEpoch === 0;
    return (this.#timer.isDue() || isOfEpoch) && this.#isOn;
  }
}

/** Steps per second from one call to the next. */
export class StepRate {
  readonly #firstStep: number;
  readonly #now: () => number;
  #step: number;
  #lastMs: number;

  /** @param now  milliseconds of training so far */
  constructor(firstStep: number, now: () => number) {
    this.#firstStep = firstStep;
    this.#now = now;
    this.#step = firstStep;
    this.#lastMs = now();
  }

  /** Since the last call; undefined after the first step, which starts the engine up. */
  measure(step: number): number | undefined {
    const nowMs = this.#now();
    const rate = ((step - this.#step) * 1000) / (nowMs - this.#lastMs);
    const isFirst = step === this.#firstStep + 1;
    this.#step = step;
    this.#lastMs = nowMs;
    return isFirst ? undefined : rate;
  }
}
