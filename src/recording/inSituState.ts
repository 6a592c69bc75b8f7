/** The in situ part of a checkpoint: flat arrays by name, and one JSON header that says what is in them. */
import type { Image } from '../../datasets/dataset.ts';
import type { Encounter, StoredMaps } from '../views/evolutionView.ts';
import type { InSituState } from './inSituRecorder.ts';
import { expectStateHeader } from './inSituStateCheck.ts';
import { emptyPoints, type ItemHistory, type MonitoringHistoryState } from './monitoringHistory.ts';

/** Arrays by name. */
export type StateArrays = Readonly<Record<string, Float32Array | Int32Array | Uint8Array>>;

/** As a checkpoint holds it. */
export interface EncodedState {
  /** Plain data for JSON. */
  readonly header: unknown;
  readonly arrays: StateArrays;
}

/** An encounter without its pixels: they follow each other in the array `history/bytes`. */
interface EncounterHeader extends Omit<Encounter, 'maps' | 'input'> {
  readonly maps: readonly (Omit<StoredMaps, 'contributionMap' | 'reductionMap'> | null)[];
  readonly input: Omit<Image, 'data'> | null;
}

/** A history without its points: `points` of them follow in `history/steps` and `history/contributions`. */
interface HistoryHeader extends Pick<ItemHistory, 'count' | 'stride' | 'scaleMaximum' | 'points'> {
  readonly itemIndex: number;
  readonly encounters: readonly EncounterHeader[];
}

interface Header
  extends Pick<InSituState, 'queue' | 'rankBy' | 'previousSelection' | 'selectionsBytes'> {
  readonly monitor: Omit<InSituState['monitor'], 'history'>;
  readonly history: Pick<MonitoringHistoryState, 'layers' | 'scaleMaximum'> & {
    readonly items: readonly HistoryHeader[];
  };
}

/** Puts a state into arrays and a header. */
export function encodeInSituState({ items, monitor, ...selection }: InSituState): EncodedState {
  const { history, ...watched } = monitor;
  const pixels: Uint8Array[] = [];
  const encounterHeader = ({ maps, input, ...rest }: Encounter): EncounterHeader => ({
    ...rest,
    maps: maps.map((stored) => {
      if (stored === null) return null;
      const { contributionMap, reductionMap, ...size } = stored;
      pixels.push(contributionMap, reductionMap);
      return size;
    }),
    input: input && withoutData(input, pixels),
  });
  const histories = [...history.items];
  const header: Header = {
    ...selection,
    monitor: watched,
    history: {
      layers: history.layers,
      scaleMaximum: history.scaleMaximum,
      items: histories.map(([itemIndex, { count, stride, scaleMaximum, points, encounters }]) => ({
        itemIndex,
        count,
        stride,
        scaleMaximum,
        points,
        encounters: encounters.map(encounterHeader),
      })),
    },
  };
  return {
    header,
    arrays: {
      ...items,
      'history/steps': Int32Array.from(
        histories.flatMap(([, { steps, points }]) => [...steps.subarray(0, points)]),
      ),
      'history/contributions': Float32Array.from(
        histories.flatMap(([, { contributions, points }]) => [
          ...contributions.subarray(0, points * history.layers.length),
        ]),
      ),
      'history/bytes': new Uint8Array(Buffer.concat(pixels)),
    },
  };
}

function withoutData({ data, ...size }: Image, pixels: Uint8Array[]): Omit<Image, 'data'> {
  pixels.push(data);
  return size;
}

/** Hands out an array part by part. @throws Error  when it ends before */
function reader<T extends Float32Array | Int32Array | Uint8Array>(
  arrays: StateArrays,
  name: string,
  type: new (length: number) => T,
): (n: number) => T {
  const array = arrays[name];
  if (!(array instanceof type)) throw new Error(`${name} is missing`);
  let next = 0;
  return (n) => {
    next += n;
    if (next > array.length) throw new Error(`${name} is too short`);
    return array.slice(next - n, next) as T;
  };
}

/**
 * The state that was put into arrays and a header.
 *
 * @param size  items of the data set
 * @throws Error  saying what is wrong in it
 */
export function decodeInSituState({ header, arrays }: EncodedState, size: number): InSituState {
  expectStateHeader(header, size);
  const { history, monitor, ...selection } = header as Header;
  const nextSteps = reader(arrays, 'history/steps', Int32Array);
  const nextContributions = reader(arrays, 'history/contributions', Float32Array);
  const nextBytes = reader(arrays, 'history/bytes', Uint8Array);
  const encounterOf = ({ maps, input, ...rest }: EncounterHeader): Encounter => ({
    ...rest,
    // JSON has no NaN.
    contribution: rest.contribution ?? Number.NaN,
    outputProbability: rest.outputProbability ?? Number.NaN,
    maps: maps.map((stored) => {
      if (stored === null) return null;
      const positions = stored.width * stored.height;
      return {
        ...stored,
        contributionMap: nextBytes(positions),
        reductionMap: nextBytes(positions),
      };
    }),
    input: input && { ...input, data: nextBytes(input.width * input.height * input.channels) },
  });
  const layers = history.layers.length;
  const items = new Map(
    history.items.map(({ itemIndex, encounters, ...rest }): [number, ItemHistory] => {
      const { steps, contributions } = emptyPoints(layers);
      steps.set(nextSteps(rest.points));
      contributions.set(nextContributions(rest.points * layers));
      const decoded = encounters.map(encounterOf);
      return [itemIndex, { ...rest, steps, contributions, encounters: decoded }];
    }),
  );
  const ofItems = Object.entries(arrays).filter(([name]) => !name.startsWith('history/'));
  return {
    ...selection,
    monitor: { ...monitor, history: { ...history, items } },
    items: Object.fromEntries(ofItems) as InSituState['items'],
  };
}
