/** Checks a network's loss contributions against what theory says and against differences. */
import type { HostTensor, Session } from '../engines/engine.ts';
import { type Check, Checks, smallestSum } from './checks.ts';
import { compareDifferences } from './differences.ts';
import { entropyOf, logProbabilities, rowsOf, total } from './logits.ts';
import type { Feeds, VerificationGraph } from './verificationGraph.ts';

/** What was checked, and on what. */
export interface Verification {
  readonly checks: readonly Check[];
  /** Items that were looked at. */
  readonly items: number;
  /** The largest loss of these items in nats. */
  readonly largestLoss: number;
}

/** float32 sums of up to a million terms of either sign, relative to the sum of their sizes. */
const sumTolerance = 1e-5;
/** float32 holds numbers near 1 to 6e-8, which is this share of the tolerance and less. */
const roundedShare = 0.01;
/** Batch normalisation adds its epsilon to the variance: of few items, scale does matter a little. */
const batchNormTolerance = 1e-2;
/** Batches that are looked at beside those asked for while there is something left to check. */
const maxFurtherBatches = 32;

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
 * Where items tell nothing, since their loss is 0 or a layer is, further batches are looked at.
 *
 * @param session     with the variables assigned
 * @param batches     are asked for one after the other, as many as it takes
 * @param numBatches  that are checked in any case
 */
export async function verify(
  graph: VerificationGraph,
  session: Session,
  batches: Iterable<Feeds> | AsyncIterable<Feeds>,
  numBatches: number,
): Promise<Verification> {
  const checks = new Checks();
  let [batchIndex, items, largestLoss] = [0, 0, 0];
  for await (const feeds of batches) {
    const outputs = await session.run('verify', feeds);
    items += feeds.labels.data.length;
    largestLoss = Math.max(largestLoss, ...outputs['item_loss']!.data);
    checkLogits(checks, graph, feeds, outputs);
    checkSums(checks, graph, outputs);
    for (const layer of graph.compared) {
      const what = `gradient at ${layer} = central difference`;
      if (batchIndex >= numBatches && checks.isDone(what)) continue;
      checks.add(what, await compareDifferences(layer, session, feeds, outputs, batchIndex));
    }
    batchIndex++;
    const isDone = checks.all.every(({ outcome }) => outcome !== 'unchecked');
    if (batchIndex >= numBatches + (isDone ? 0 : maxFurtherBatches)) break;
  }
  return { checks: checks.all, items, largestLoss };
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
    checks.add(`S at ${logits} = loss − entropy`, {
      error: contributions[i]! - (loss - entropy),
      size: loss + entropy + sizes[i]!,
      tolerance: sumTolerance,
      // Where p is close to 1, p − y is what rounding has left of it.
      rounding: sumTolerance * roundedShare * total(Array.from(row, Math.abs)),
    });
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
        checks.add(`S at ${name} = S at ${equalTo}, each item`, {
          error: sum - sums(equalTo)[row]!,
          size: sizes(name)[row]! + sizes(equalTo)[row]!,
          tolerance: sumTolerance,
          rounding: smallestSum,
        });
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
    checks.add(`Σ S at ${name} = ${degree === 0 && biases.size > 0 ? '' : right}${terms}`, {
      error: total(sums(name)) - expected,
      size,
      tolerance: degree === 0 ? batchNormTolerance : sumTolerance,
      rounding: smallestSum,
    });
  }
}
