/** Checks a network's loss contributions against what theory says and against differences. */
import type { HostTensor, Session } from '../engines/engine.ts';
import { random } from '../random.ts';
import type { VerificationGraph } from './verificationGraph.ts';

/** One thing that was checked, over all batches. */
export interface Check {
  /** What is compared, for people. */
  readonly what: string;
  /** The largest error, relative to the size of what was added up. */
  readonly error: number;
  /** What the error may be. */
  readonly tolerance: number;
}

/** One batch to check: what the signature `verify` feeds. */
export type Feeds = Readonly<Record<string, HostTensor>> & { readonly labels: HostTensor };

/** Whether an error is within its tolerance; one that is not a number is not. */
export function passes({ error, tolerance }: Check): boolean {
  return error <= tolerance;
}

/** float32 sums of up to a million terms of either sign, relative to the sum of their sizes. */
const sumTolerance = 1e-5;
/** float32 holds numbers near 1 to 6e-8, which is this share of the tolerance and less. */
const roundedShare = 0.01;
/** Batch normalisation adds its epsilon to the variance: of few items, scale does matter a little. */
const batchNormTolerance = 1e-2;
/** Differences of a loss in float32 over steps that cross the kinks of ReLU and pooling. */
const differenceTolerance = 0.02;
/** However little the differences agree: a wrong gradient is wrong by more. */
const maxDifferenceTolerance = 0.3;
/** Relative sizes of the steps; each is a quarter of the one before. */
const steps = [2 ** -8, 2 ** -10, 2 ** -12, 2 ** -14, 2 ** -16, 2 ** -18];
/** Tells the random numbers of directions from all others. */
const directionStream = 9;

const total = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
/** |error| ÷ size, where 0 ÷ 0 is no error. */
const relative = (error: number, size: number) => (error === 0 ? 0 : Math.abs(error) / size);

/** Logarithms of the probabilities of one item, in float64. */
function logProbabilities(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const largest = Math.max(...values);
  const logSum = Math.log(total(values.map((z) => Math.exp(z - largest))));
  return values.map((z) => z - largest - logSum);
}

/** Entropy in nats. */
function entropyOf(logP: readonly number[]): number {
  return -total(logP.map((value) => (value === -Infinity ? 0 : Math.exp(value) * value)));
}

/** The rows of a tensor [n, classes]. */
function rowsOf({ data, shape }: HostTensor): ArrayLike<number>[] {
  const [rows, columns] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) =>
    data.subarray(row * columns, (row + 1) * columns),
  );
}

/** Gathers the worst case of each check. */
class Checks {
  readonly #checks = new Map<string, Check>();

  add(what: string, error: number, tolerance: number): void {
    const before = this.#checks.get(what);
    // An error that is not a number is worse than any.
    const share = (check: Check) => (passes(check) ? check.error / check.tolerance : Infinity);
    const check = { what, error, tolerance };
    if (before === undefined || share(check) > share(before)) this.#checks.set(what, check);
  }

  get all(): readonly Check[] {
    return [...this.#checks.values()];
  }
}

/**
 * Checks some batches:
 *
 * - at the logits each item's contribution is its loss less the entropy of its probabilities
 * - layers between which nothing is added have the same contribution for each item, and where
 *   biases are added the batch's sums differ by Σ bias·dL/dbias; layers whose every way to the loss
 *   runs through a batch normalisation sum up to zero
 * - the derivative along a random scaling of a layer's channels is Σ scale·f·b, by central
 *   differences of the loss as a function of that layer
 *
 * @param session  with the variables assigned
 */
export function verify(
  graph: VerificationGraph,
  session: Session,
  batches: Iterable<Feeds>,
): readonly Check[] {
  const checks = new Checks();
  let batchIndex = 0;
  for (const feeds of batches) {
    const outputs = session.run('verify', feeds);
    checkLogits(checks, graph, feeds, outputs);
    checkSums(checks, graph, outputs);
    for (const layer of graph.compared) {
      const { error, tolerance } = differenceError(layer, session, feeds, outputs, batchIndex);
      checks.add(`gradient at ${layer} = central difference`, error, tolerance);
    }
    batchIndex++;
  }
  return checks.all;
}

function checkLogits(
  checks: Checks,
  { logits }: VerificationGraph,
  { labels }: Feeds,
  outputs: Readonly<Record<string, HostTensor>>,
): void {
  const contributions = outputs[`${logits}/contribution`]!.data;
  const sizes = outputs[`${logits}/size`]!.data;
  rowsOf(outputs['logits']!).forEach((row, i) => {
    const logP = logProbabilities(row);
    const loss = -logP[labels.data[i]!]!;
    const entropy = entropyOf(logP);
    // Where p is close to 1, p − y is what rounding has left of it.
    const rounded = roundedShare * total(Array.from(row, Math.abs));
    const error = contributions[i]! - (loss - entropy);
    const size = loss + entropy + sizes[i]! + rounded;
    checks.add(`S at ${logits} = loss − entropy`, relative(error, size), sumTolerance);
  });
}

function checkSums(
  checks: Checks,
  { layers, logits }: VerificationGraph,
  outputs: Readonly<Record<string, HostTensor>>,
): void {
  const sums = (name: string) => outputs[`${name}/contribution`]!.data;
  const sizes = (name: string) => outputs[`${name}/size`]!.data;
  for (const { name, law, equalTo } of layers) {
    if (equalTo !== null) {
      sums(name).forEach((sum, row) => {
        const size = sizes(name)[row]! + sizes(equalTo)[row]!;
        const error = relative(sum - sums(equalTo)[row]!, size);
        checks.add(`S at ${name} = S at ${equalTo}, each item`, error, sumTolerance);
      });
    }
    if (law === null || name === logits) continue;
    const { degree, biases } = law;
    let expected = degree * total(sums(logits));
    let size = total(sizes(name)) + Math.abs(degree) * total(sizes(logits));
    for (const [variable, biasDegree] of biases) {
      const term = biasDegree * outputs[`${variable.name}/term`]!.data[0]!;
      expected -= term;
      size += Math.abs(term);
    }
    const factor = degree === 1 ? '' : `${degree}·`;
    const right = degree === 0 ? '0' : `${factor}Σ S at ${logits}`;
    const terms = biases.size > 0 ? ' − Σ bias·dL/dbias' : '';
    checks.add(
      `Σ S at ${name} = ${degree === 0 && biases.size > 0 ? '' : right}${terms}`,
      relative(total(sums(name)) - expected, size),
      degree === 0 ? batchNormTolerance : sumTolerance,
    );
  }
}

/**
 * The error of a layer's gradient along a random direction: each channel of each item (each unit,
 * where there is no height and width) is scaled by 1 ± step.
 *
 * Scaling whole channels keeps ties within pooling windows: in flat image areas, neighbouring values
 * are equal, and where a tie breaks the loss has a kink.
 *
 * @returns  both relative to the root of the summed squares of the channels' contributions, which is
 *           the expected size of the derivative; the tolerance grows with the differences' own error
 */
function differenceError(
  layer: string,
  session: Session,
  feeds: Feeds,
  outputs: Readonly<Record<string, HostTensor>>,
  batchIndex: number,
): { error: number; tolerance: number } {
  const { data: activation, shape } = outputs[`${layer}/activation`]!;
  const channels = outputs[`${layer}/channels`]!.data;
  const channelCount = shape.at(-1)!;
  const itemSize = activation.length / shape[0]!;
  const next = random(0, directionStream, batchIndex);
  const signs = Float32Array.from(channels, () => (next() < 0.5 ? -1 : 1));
  let derivative = 0;
  let squares = 0;
  channels.forEach((contribution, i) => {
    derivative += signs[i]! * contribution;
    squares += contribution * contribution;
  });
  const lossAt = (step: number) => {
    const moved = Float32Array.from(activation, (value, i) => {
      const item = Math.floor(i / itemSize);
      return value * (1 + step * signs[item * channelCount + (i % channelCount)]!);
    });
    const { labels: _, ...items } = feeds;
    const moving = { ...items, activation: { data: moved, shape } };
    const rows = rowsOf(session.run(`behind ${layer}`, moving)['logits']!);
    // From the logits in float64: in float32 the loss would round small differences away.
    return total(rows.map((row, i) => -logProbabilities(row)[feeds.labels.data[i]!]!));
  };
  const differences = steps.map((step) => (lossAt(step) - lossAt(-step)) / (2 * step));
  const scale = Math.max(Math.sqrt(squares), Math.abs(derivative));
  const { value, spread } = mostCertain(differences);
  return {
    error: relative(value - derivative, scale),
    tolerance: Math.min(differenceTolerance + (2 * spread) / scale, maxDifferenceTolerance),
  };
}

/**
 * The best of several estimates with ever smaller steps: large steps cross kinks, small ones drown in
 * rounding, and in between neighbours agree.
 *
 * @returns  the median of the three neighbours that differ least, and how much they differ
 */
function mostCertain(estimates: readonly number[]): { value: number; spread: number } {
  let best = { value: Number.NaN, spread: Number.POSITIVE_INFINITY };
  for (let i = 2; i < estimates.length; i++) {
    const [low, middle, high] = estimates.slice(i - 2, i + 1).sort((a, b) => a - b);
    const spread = high! - low!;
    if (spread < best.spread) best = { value: middle!, spread };
  }
  return best;
}
