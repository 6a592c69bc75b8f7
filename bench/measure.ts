/** Times alternatives side by side, so that whatever else the machine does meets all of them alike. */
import { random } from '../src/random.ts';

/** Times of one alternative in milliseconds. */
export interface Timing {
  readonly medianMs: number;
  readonly minMs: number;
  readonly meanMs: number;
  readonly stddevMs: number;
  readonly repeats: number;
  /** Of each round, by the clock on the wall; no part of what JSON has of a timing. */
  readonly timesMs: () => readonly number[];
  /** Processor time of all threads in each round, which other work on the machine lengthens less. */
  readonly processorTimesMs: () => readonly number[];
}

/** The middle value; of an even number of values, the upper middle one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function summarize(times: readonly number[], processorTimes: readonly number[]): Timing {
  const meanMs = times.reduce((sum, time) => sum + time, 0) / times.length;
  const variance = times.reduce((sum, time) => sum + (time - meanMs) ** 2, 0) / times.length;
  return {
    medianMs: median(times),
    minMs: Math.min(...times),
    meanMs,
    stddevMs: Math.sqrt(variance),
    repeats: times.length,
    timesMs: () => times,
    processorTimesMs: () => processorTimes,
  };
}

/**
 * Runs each alternative once a round, in turn; every second round in reverse, so that none always
 * finds the caches as the same other one left them.
 *
 * @param alternatives  by name
 * @param rounds        that are timed
 * @param warmUps       rounds before them that are not
 */
export async function interleave<Name extends string>(
  alternatives: Readonly<Record<Name, () => unknown>>,
  rounds: number,
  warmUps = 3,
): Promise<Record<Name, Timing>> {
  const names = Object.keys(alternatives) as Name[];
  const lists = () => new Map<Name, number[]>(names.map((name) => [name, []]));
  const [times, processorTimes] = [lists(), lists()];
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const [startMs, startUsage] = [performance.now(), process.cpuUsage()];
      await alternatives[name]();
      if (round < 0) continue;
      times.get(name)!.push(performance.now() - startMs);
      const { user, system } = process.cpuUsage(startUsage);
      processorTimes.get(name)!.push((user + system) / 1000);
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, summarize(times.get(name)!, processorTimes.get(name)!)]),
  ) as Record<Name, Timing>;
}

/** "12.3 ms (min 11.9, mean 12.5 ± 0.4, 60 times)" */
export function timingText({ medianMs, minMs, meanMs, stddevMs, repeats }: Timing): string {
  const ms = (value: number) => value.toPrecision(3);
  return `${ms(medianMs)} ms (min ${ms(minMs)}, mean ${ms(meanMs)} ± ${ms(stddevMs)}, ${repeats} times)`;
}

/** How two timings of the same rounds compare. */
export interface Ratio {
  /** Of the medians. */
  readonly ratio: number;
  /** The 95 % interval of the ratio. */
  readonly low: number;
  readonly high: number;
}

/**
 * The ratio of two medians, with the interval that holds the middle 95 % of the ratios of 2,000 samples of the rounds
 * drawn with replacement (Efron 1979, the percentile bootstrap).
 */
export function ratioOf(a: readonly number[], b: readonly number[]): Ratio {
  const next = random(1);
  const ratios = Array.from({ length: 2000 }, () => {
    const rounds = a.map(() => Math.floor(next() * a.length));
    return median(rounds.map((round) => a[round]!)) / median(rounds.map((round) => b[round]!));
  }).sort((x, y) => x - y);
  return { ratio: median(a) / median(b), low: ratios[50]!, high: ratios[1949]! };
}

/** "1.012 (95 %: 1.003 to 1.020)" */
export function ratioText({ ratio, low, high }: Ratio): string {
  return `${ratio.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
}
