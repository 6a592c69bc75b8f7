/** The reports of bench/peers.ts as a table of docs/benchmarks.md. */

/** What one peer took, and ours in the same turns; times in ms. */
export interface Comparison {
  readonly peer: string;
  readonly version: string;
  readonly peerMs: number;
  readonly float32Ms: number;
  readonly bfloat16Ms: number;
  /** The peer's time over ours in float32 and in bfloat16. */
  readonly float32Ratio: number;
  readonly bfloat16Ratio: number;
  readonly peerMemory: Memory | undefined;
}

/** Memory of a contestant in MiB, at its end and at its peak. */
export interface Memory {
  readonly residentMiB: number;
  readonly peakMiB: number;
}

/** A number for each precision. */
export interface ByPrecision<T> {
  readonly float32: T;
  readonly bfloat16: T;
}

/** One network's comparisons. */
export interface PeersReport {
  readonly network: string;
  readonly batchSize: number;
  readonly machine: string;
  readonly engine: string;
  /** Of the products of one step. */
  readonly gigaFlops: number;
  /** Rates of large matrix products in the same turns. */
  readonly ceilingGigaFlopsPerSecond: ByPrecision<number>;
  /** The rate of our step's products over that. */
  readonly shareOfCeiling: ByPrecision<number>;
  readonly memory: ByPrecision<Memory | undefined>;
  readonly comparisons: readonly Comparison[];
  /** Why peers were left out, by name. */
  readonly leftOut: Readonly<Record<string, string>>;
}

const memoryText = (memory: Memory | undefined) =>
  memory === undefined ? '' : `${memory.residentMiB}, ${memory.peakMiB}`;

/** A Markdown table of one network, with a sentence on the ceiling before it. */
export function peersTable(report: PeersReport): string {
  const { network, batchSize, gigaFlops, ceilingGigaFlopsPerSecond: ceiling } = report;
  const { shareOfCeiling: share, memory } = report;
  const percent = (part: number) => `${Math.round(100 * part)} %`;
  const lines = [
    `${network}, batch ${batchSize}: ${gigaFlops} GFLOP of products a step, where large products run at ` +
      `${ceiling.float32} (float32) and ${ceiling.bfloat16} GFLOP/s (bfloat16); ours reach ${percent(share.float32)} and ` +
      `${percent(share.bfloat16)} of that. Ours hold ${memoryText(memory.float32)} and ` +
      `${memoryText(memory.bfloat16)} MiB (at the end, peak).`,
    '',
    '| peer | its ms | ours, float32 | ratio | ours, bfloat16 | ratio | its MiB |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...report.comparisons.map(
      (row) =>
        `| ${row.peer} | ${row.peerMs} | ${row.float32Ms} | ${row.float32Ratio} | ${row.bfloat16Ms} | ` +
        `${row.bfloat16Ratio} | ${memoryText(row.peerMemory)} |`,
    ),
    ...Object.entries(report.leftOut).map(
      ([name, why]) => `| ${name} | left out: ${why} | | | | | |`,
    ),
  ];
  return lines.join('\n');
}
