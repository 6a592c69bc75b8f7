/** The reports of bench/peers.ts as a table of docs/benchmarks.md. */

export type Precision = 'float32' | 'bfloat16';

/** Something of ours in each precision that was measured. */
export type ByPrecision<T> = { readonly [P in Precision]?: T };

/** What one peer took, and ours in the same turns. */
export interface Comparison {
  readonly peer: string;
  readonly version: string;
  readonly peerMs: number;
  /** With the peer's time over ours. */
  readonly ours: ByPrecision<{ readonly ms: number; readonly ratio: number }>;
  readonly peerMemory: Memory | undefined;
}

/** Memory of a contestant in MiB, at its end and at its peak. */
export interface Memory {
  readonly residentMiB: number;
  readonly peakMiB: number;
}

/** Our steps against the rate of large matrix products in the same turns. */
export interface OurShare {
  readonly ceilingGigaFlopsPerSecond: number;
  readonly shareOfCeiling: number;
  readonly memory: Memory | undefined;
}

/** One network's comparisons. */
export interface PeersReport {
  readonly network: string;
  readonly batchSize: number;
  readonly machine: string;
  readonly engine: string;
  /** Of the products of one step. */
  readonly gigaFlops: number;
  readonly ours: ByPrecision<OurShare>;
  readonly comparisons: readonly Comparison[];
  /** Why peers were left out, by name. */
  readonly leftOut: Readonly<Record<string, string>>;
}

const memoryText = (memory: Memory | undefined) =>
  memory === undefined ? '' : `${memory.residentMiB}, ${memory.peakMiB}`;

/** A Markdown table of one network, with a sentence on each precision before it; memory in MiB, at the end and at its peak. */
export function peersTable(report: PeersReport): string {
  const precisions = Object.keys(report.ours) as Precision[];
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const shares = Object.entries(report.ours).map(
    ([precision, { ceilingGigaFlopsPerSecond, shareOfCeiling, memory }]) =>
      `In ${precision} large products run at ${ceilingGigaFlopsPerSecond} GFLOP/s, of which ours reach ` +
      `${Math.round(100 * shareOfCeiling)} %, in ${memoryText(memory)} MiB.`,
  );
  return [
    `${report.network}, batch ${report.batchSize}: ${report.gigaFlops} GFLOP of products a step. ${shares.join(' ')}`,
    '',
    row(['peer', 'its ms', ...precisions.flatMap((each) => [`ours, ${each}`, 'ratio']), 'its MiB']),
    row(['---', '--:', ...precisions.flatMap(() => ['--:', '--:']), '--:']),
    ...report.comparisons.map(({ peer, peerMs, ours, peerMemory }) =>
      row([
        peer,
        peerMs,
        ...Object.values(ours).flatMap(({ ms, ratio }) => [ms, ratio]),
        memoryText(peerMemory),
      ]),
    ),
    ...Object.entries(report.leftOut).map(([name, why]) =>
      row([name, `left out: ${why}`, ...precisions.flatMap(() => ['', '']), '']),
    ),
  ].join('\n');
}
