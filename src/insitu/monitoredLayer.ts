/** What is known of one item at a monitored layer: C, R and S, as the graph returns them. */
import type { HostTensor } from '../engines/engine.ts';

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
    largest = largestFinite(maps.contributionMap, largest);
    largest = largestFinite(maps.reductionMap, largest);
  }
  return largest;
}

/** The largest finite value of a map, if that is more than `least`; else that. */
export function largestFinite(map: Float32Array, least: number): number {
  let largest = least;
  // By index: an iterator takes several times as long.
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (value > largest && value < Number.POSITIVE_INFINITY) largest = value;
  }
  return largest;
}

/** The part of an output [m, …] that belongs to one of its rows. */
export function rowOf<Values extends HostTensor['data']>(
  { data, shape }: { readonly data: Values; readonly shape: readonly number[] },
  row: number,
): { data: Values; shape: readonly number[] } {
  const size = data.length / shape[0]!;
  return { data: data.slice(row * size, (row + 1) * size) as Values, shape: shape.slice(1) };
}

/**
 * The contributions of one item at a layer.
 *
 * @param outputs  LAYER/contribution [m], and either LAYER/C and LAYER/R [m, …] or LAYER/channels
 * @param row      of the item among the monitored ones
 */
export function monitoredLayerOf(
  name: string,
  outputs: Readonly<Record<string, HostTensor>>,
  row: number,
): MonitoredLayer {
  const values = (key: string) => {
    const { data, shape } = rowOf(outputs[`${name}/${key}`]!, row);
    return { data: data as Float32Array, shape };
  };
  const contribution = outputs[`${name}/contribution`]!.data[row]!;
  if (outputs[`${name}/C`] === undefined) {
    return { name, contribution, channels: values('channels').data };
  }
  const { data: contributionMap, shape } = values('C');
  // Over time a map is a line from left to right.
  const [height, width] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
  const { data: reductionMap } = values('R');
  return { name, contribution, maps: { height, width, contributionMap, reductionMap } };
}
