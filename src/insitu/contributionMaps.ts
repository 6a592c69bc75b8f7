/** What is known of one item at a layer: C, R and S. */

/** C and R of one item at a layer [height, width] in nats (Equ. 6, 7); over time the height is 1. */
export interface ContributionMaps {
  readonly width: number;
  readonly height: number;
  readonly contributionMap: Float32Array;
  readonly reductionMap: Float32Array;
}

/** One monitored layer. */
export interface MonitoredLayer {
  readonly name: string;
  /** Loss contribution of the item at this layer in nats (Equ. 5). */
  readonly contribution: number;
  /** For a layer with height and width, or time. */
  readonly maps?: ContributionMaps;
  /** Contribution per channel in nats, for a layer without. */
  readonly channels?: Float32Array;
}

/** The largest finite value of all maps, the upper end of their common colour scale; 0 for none. */
export function largestMapValue(layers: readonly MonitoredLayer[]): number {
  let largest = 0;
  for (const { maps } of layers) {
    if (maps === undefined) continue;
    for (const map of [maps.contributionMap, maps.reductionMap]) {
      for (const value of map) if (value > largest && Number.isFinite(value)) largest = value;
    }
  }
  return largest;
}
