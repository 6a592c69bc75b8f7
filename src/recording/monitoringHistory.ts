/** What monitored items went through: S at every layer at each encounter, and ten of them in full. */
import type { Image } from '../../datasets/dataset.ts';
import { type ContributionMaps, largestFinite, largestMapValue } from '../insitu/monitoredLayer.ts';
import type { Sighting } from '../insitu/sighting.ts';
import type { ContributionSeries } from '../views/draw/linePlot.ts';
import { roundUp } from '../views/draw/numberText.ts';
import { averageAreas, inputImage, type Size, sizeInBox } from '../views/draw/pixels.ts';
import type { Encounter, StoredMaps } from '../views/evolutionView.ts';
import type { ColorScale } from './colorScale.ts';

/** Encounters that are kept in full per item: the rows of an Evolution View. */
const maxEncounters = 10;
/** Points of a line plot per item; once so many are there, every second one is dropped. */
const maxPoints = 400;
/** Largest side of what is kept of maps and inputs: that of a tile of the Evolution View. */
const storedSide = 48;

/** Room for the points of a line plot of an item: steps, and S in nats at so many layers. */
export function emptyPoints(layers: number): Pick<ItemHistory, 'steps' | 'contributions'> {
  return { steps: new Int32Array(maxPoints), contributions: new Float32Array(maxPoints * layers) };
}

/** The past of one item. */
export interface ItemHistory {
  /** Encounters so far. */
  count: number;
  /** Encounters from one point to the next. */
  stride: number;
  /** Points that are there. */
  points: number;
  /** Of each point; room for as many as there may be, so that a long run holds no more than a short one. */
  readonly steps: Int32Array;
  /** S in nats, [points, Hs, then Hm in network order]; room as for the steps. */
  readonly contributions: Float32Array;
  /** The first, the last, and between them as even as can be on a logarithmic scale. */
  encounters: Encounter[];
  /** Upper end of the colour scale of this item in nats. */
  scaleMaximum: number;
}

/** The past of all monitored items; plain data for the checkpoint. */
export interface MonitoringHistoryState {
  /** Hs, then Hm in network order. */
  readonly layers: readonly string[];
  readonly items: ReadonlyMap<number, ItemHistory>;
  /** Upper end of the colour scale of the run in nats. */
  readonly scaleMaximum: number;
}

/** The size at which something is kept; lines, as maps over time are, stay word by word. */
function storedSize(size: Size): Size {
  return size.height === 1 || Math.max(size.width, size.height) <= storedSide
    ? { width: size.width, height: size.height }
    : sizeInBox(size, { width: storedSide, height: storedSide });
}

function storeMaps(maps: ContributionMaps): StoredMaps {
  const size = storedSize(maps);
  const values = () => new Float32Array(size.width * size.height);
  const c = averageAreas(maps.contributionMap, maps, 1, size, values());
  const r = averageAreas(maps.reductionMap, maps, 1, size, values());
  const maximum = largestFinite(r, largestFinite(c, 0));
  const toBytes = (map: Float32Array) => {
    const bytes = new Uint8Array(map.length);
    if (maximum === 0) return bytes;
    // By index: `from` takes several times as long. Bytes are cut, not rounded.
    for (let i = 0; i < map.length; i++) bytes[i] = (255 * map[i]!) / maximum + 0.5;
    return bytes;
  };
  return { ...size, maximum, contributionMap: toBytes(c), reductionMap: toBytes(r) };
}

/** An image as it is kept; null for a text, which the data set holds. */
function storeInput({ data, shape }: Sighting['input']): Image | null {
  if (!(data instanceof Float32Array)) return null;
  const [height, width, depth] = shape as [number, number, number];
  const image = inputImage(data, [height, width, depth]);
  const size = storedSize(image);
  const { channels } = image;
  const bytes = new Uint8Array(size.width * size.height * channels);
  return { ...size, channels, data: averageAreas(image.data, image, channels, size, bytes) };
}

/**
 * Drops one of too many encounters: that whose neighbours are closest on a logarithmic scale. The
 * first and the last stay.
 */
function thinOut(encounters: Encounter[]): void {
  if (encounters.length <= maxEncounters) return;
  let closest = 1;
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 1; i < encounters.length - 1; i++) {
    const ratio = encounters[i + 1]!.number / encounters[i - 1]!.number;
    if (ratio < smallest) {
      smallest = ratio;
      closest = i;
    }
  }
  encounters.splice(closest, 1);
}

/**
 * The past of all monitored items. Bounded: an item takes at most 400 points, and ten encounters of
 * at most 48 × 48 bytes per map and input channel (two layers and a colour image: 160 kB).
 */
export class MonitoringHistory {
  readonly #selectionLayer: string;
  readonly #layers: readonly string[];
  readonly #items: Map<number, ItemHistory>;
  #scaleMaximum: number;

  /**
   * @param selectionLayer  Hs
   * @param layers          Hm in network order
   * @param state           of a run that is gone on with; of other layers it is of no use
   */
  constructor(selectionLayer: string, layers: readonly string[], state?: MonitoringHistoryState) {
    this.#selectionLayer = selectionLayer;
    this.#layers = layers;
    const isOfSameLayers = state?.layers.join() === [selectionLayer, ...layers].join();
    this.#items = new Map(isOfSameLayers ? state?.items : []);
    this.#scaleMaximum = isOfSameLayers ? (state?.scaleMaximum ?? 0) : 0;
  }

  /** The state after the last encounter. */
  get state(): MonitoringHistoryState {
    return {
      layers: [this.#selectionLayer, ...this.#layers],
      items: this.#items,
      scaleMaximum: this.#scaleMaximum,
    };
  }

  /** Items with a past. */
  get itemIndices(): number[] {
    return [...this.#items.keys()];
  }

  /** Encounters of an item so far. */
  countOf(itemIndex: number): number {
    return this.#items.get(itemIndex)?.count ?? 0;
  }

  /** Takes an encounter, with S at Hs in nats. */
  add(sighting: Sighting & { readonly contribution: number }): void {
    const { itemIndex, epoch, step, output, outputProbability, contribution } = sighting;
    const { layers, input } = sighting;
    let item = this.#items.get(itemIndex);
    if (item === undefined) {
      item = {
        ...{ count: 0, stride: 1, encounters: [], scaleMaximum: 0 },
        ...{ points: 0, ...emptyPoints(1 + this.#layers.length) },
      };
      this.#items.set(itemIndex, item);
    }
    // Scales move to the next of 1, 2, 5 · 10^k and never back: most steps share one.
    const largest = roundUp(largestMapValue(layers));
    item.scaleMaximum = Math.max(item.scaleMaximum, largest);
    this.#scaleMaximum = Math.max(this.#scaleMaximum, largest);
    this.#addPoint(item, step, [contribution, ...layers.map((layer) => layer.contribution)]);
    item.count++;
    item.encounters.push({
      number: item.count,
      epoch,
      step,
      output,
      outputProbability,
      contribution,
      maps: layers.map(({ maps }) => (maps === undefined ? null : storeMaps(maps))),
      input: storeInput(input),
    });
    thinOut(item.encounters);
  }

  /** The last encounter is always a point, also one between two strides. */
  #addPoint(item: ItemHistory, step: number, contributions: readonly number[]): void {
    const { steps, contributions: values } = item;
    const layers = contributions.length;
    if (item.count > 0 && (item.count - 1) % item.stride !== 0) item.points--;
    steps[item.points] = step;
    values.set(contributions, item.points * layers);
    item.points++;
    if (item.points < maxPoints) return;
    let kept = 0;
    for (let i = 0; i < maxPoints; i++) {
      if (i % 2 !== 0 && i !== maxPoints - 1) continue;
      steps[kept] = steps[i]!;
      values.copyWithin(kept * layers, i * layers, (i + 1) * layers);
      kept++;
    }
    item.points = kept;
    item.stride *= 2;
  }

  /** Encounters of an item that are kept, ascending. */
  encountersOf(itemIndex: number): readonly Encounter[] {
    return this.#items.get(itemIndex)?.encounters ?? [];
  }

  /** S of an item at each layer over the steps, Hs first; a layer that is both comes once. */
  seriesOf(itemIndex: number): ContributionSeries[] {
    const item = this.#items.get(itemIndex);
    if (item === undefined) return [];
    const { points, contributions } = item;
    const names = [this.#selectionLayer, ...this.#layers];
    const steps = [...item.steps.subarray(0, points)];
    return names.flatMap((layer, i) => {
      if (i > 0 && layer === this.#selectionLayer) return [];
      return [
        { layer, steps, contributions: steps.map((_, k) => contributions[k * names.length + i]!) },
      ];
    });
  }

  /**
   * Upper end of the colour scale in nats.
   *
   * @param scope  view: that of the view itself (undefined); item: no value of the item so far is
   *               larger; run: none of the run
   */
  scaleMaximumOf(itemIndex: number, scope: ColorScale): number | undefined {
    if (scope === 'view') return undefined;
    return scope === 'run' ? this.#scaleMaximum : this.#items.get(itemIndex)?.scaleMaximum;
  }
}
