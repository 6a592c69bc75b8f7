/** What the graph returns of a monitored layer, item by item. */
import type { HostTensor } from '../engines/engine.ts';
import type { MonitoredLayer } from './contributionMaps.ts';

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
