/** What a training step costs at each layer, as a table. */
import { type Column, textTable } from '../console/textTable.ts';
import { addCosts, type Cost, noCost } from '../graph/cost.ts';
import type { PartCosts, StepCosts, StepPart } from './layerCosts.ts';

const parts: readonly StepPart[] = ['forward', 'backward', 'inSitu'];

const columns: readonly Column[] = [
  { heading: 'end point' },
  ...['forward', 'backward', 'in situ'].flatMap((part) => [
    { heading: `${part}: MFLOP`, isNumeric: true },
    { heading: 'MB', isNumeric: true },
  ]),
];

/** Three digits, in millions. */
function millions(count: number): string {
  const value = count / 1e6;
  if (value === 0) return '';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function row(name: string, costs: Readonly<Partial<PartCosts>>): string[] {
  const cells = parts.flatMap((part) => {
    const { flops, bytes } = costs[part] ?? noCost;
    return [millions(flops), millions(bytes)];
  });
  return [name, ...cells];
}

/** A row for each end point with what the step does there, the sums, and the share of the in situ part. */
export function costText(costs: StepCosts, batchSize: number): string {
  const { layers, loss, update, total, inSituShare } = costs;
  const all = [...layers, loss];
  const sumOf = (part: StepPart): Cost =>
    all.reduce((sum, ofLayer) => addCosts(sum, ofLayer[part]), noCost);
  const sums = { forward: sumOf('forward'), backward: sumOf('backward'), inSitu: sumOf('inSitu') };
  const percent = (100 * inSituShare).toPrecision(2);
  return [
    textTable(columns, [
      ...layers.map((ofLayer) => row(ofLayer.name, ofLayer)),
      row('loss and scores', loss),
      row('in all', sums),
    ]),
    '',
    `One step of ${batchSize} items in float32 with sgd, counted from the graph: ${millions(total.flops)} MFLOP (a product and`,
    `a sum are two) and ${millions(total.bytes)} MB (inputs and outputs of every operation, as if none were fused), the`,
    `update's ${millions(update.flops)} MFLOP and ${millions(update.bytes)} MB among them. Scores, contributions and maps of every item`,
    `at every layer are ${percent} % of the operations.`,
  ].join('\n');
}
