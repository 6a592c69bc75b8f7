/** One encounter with a data item: what a step of the network says of it. */
import type { MonitoredLayer } from './monitoredLayer.ts';

/** What the monitor, the histories, the views and `monitoring.jsonl` hold of an item that came by. */
export interface Sighting {
  /** Index in the order of the source. */
  readonly itemIndex: number;
  /** From 1. */
  readonly epoch: number;
  /** Steps done with this one. */
  readonly step: number;
  /** L: the class that the item is said to be. */
  readonly label: string;
  /** O: the class that the network says. */
  readonly output: string;
  /** Of that class, 0..1. */
  readonly outputProbability: number;
  /** Hm in network order. */
  readonly layers: readonly MonitoredLayer[];
  /** As the network saw it: an image float32 [height, width, channels], or token ids int32 [time]. */
  readonly input: { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] };
}
