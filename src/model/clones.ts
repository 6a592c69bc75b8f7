/**
 * Copies of a network in one graph, as TF-Slim's model_deploy makes them: each takes a part of the batch, on a device of
 * its own, and all share the variables, which one update changes.
 */
import { Graph, type Tensor } from '../graph/graph.ts';
import { cast, concat, constant, reshape, shapeOf, slice, splitRows } from '../graph/ops/array.ts';
import { add, div, floorDiv, greater, mul, sub, sum } from '../graph/ops/math.ts';
import { joinScores } from '../insitu/itemScores.ts';

/** How many clones a graph has, and what they compute on. */
export interface CloneOptions {
  readonly count: number;
  /** Whether all compute on the CPU; else each has a GPU of its own, counted from 0. */
  readonly onCpu: boolean;
}

/** A single one, which the engine places. */
export const oneClone: CloneOptions = { count: 1, onCpu: false };

/** What a step is fed of the items of its batch, or a part of it. */
export interface BatchFeeds {
  /** What `itemFeeds` says of an item, by name, [n, …] */
  readonly items: Readonly<Record<string, Tensor>>;
  /** int32 [n] */
  readonly labels: Tensor;
  /** int32 [m], in ascending order */
  readonly monitorRows: Tensor;
  /** int32 [2], what dropout draws from */
  readonly dropoutSeed: Tensor;
}

/** A clone to be built: its part of the batch, with rows counted from its own first one. */
export interface Clone extends BatchFeeds {
  /** Its items ÷ those of the batch, float32 []; null for a single clone, which has them all. */
  readonly share: Tensor | null;
  /** Runs `build` with new nodes, but for variables, on its device and in its box of the Graphs tab. */
  readonly within: <T>(build: () => T) => T;
}

/** Where variables, their updates and the inputs of clones are, as in TF-Slim. */
const hostDevice = '/device:CPU:0';

/** An empty graph for clones. */
export function graphOfClones({ count }: CloneOptions): Graph {
  return new Graph(count > 1 ? hostDevice : '');
}

/**
 * Divides a batch among clones, in the order of its items and as evenly as it can be: each gets one item at least
 * where there are as many.
 *
 * @returns  the clones in their order; a single one has the feeds as they are
 */
export function divideBatch(feeds: BatchFeeds, { count, onCpu }: CloneOptions): readonly Clone[] {
  if (count === 1) return [{ ...feeds, share: null, within: (build) => build() }];
  const { labels, monitorRows, dropoutSeed } = feeds;
  const { graph } = labels;
  return graph.withRootScope('clones', () => {
    const total = slice(shapeOf(labels), [0], [1]);
    // The first row of each clone, and the end of the last.
    const bounds = floorDiv(add(mul(total, upTo(graph, count)), count - 1), count);
    const sizes = differences(bounds);
    const items = Object.entries(feeds.items).map(
      ([name, item]) => [name, splitRows(item, sizes)] as const,
    );
    const ownLabels = splitRows(labels, sizes);
    const rowsBefore = sum(
      cast(greater(reshape(bounds, [count + 1, 1]), reshape(monitorRows, [1, -1])), 'int32'),
      [1],
    );
    const ownRows = splitRows(monitorRows, differences(rowsBefore));
    const shares = div(cast(sizes, 'float32'), cast(total, 'float32'));
    return Array.from({ length: count }, (_, i) => ({
      items: Object.fromEntries(items.map(([name, parts]) => [name, parts[i]!])),
      labels: ownLabels[i]!,
      monitorRows: sub(ownRows[i]!, slice(bounds, [i], [1])),
      dropoutSeed: seedOf(dropoutSeed, i),
      share: reshape(slice(shares, [i], [1]), []),
      within: (build) =>
        graph.withDevice(onCpu ? hostDevice : `/device:GPU:${i}`, () =>
          graph.withNodePrefix(`clone_${i}`, build),
        ),
    }));
  });
}

/** 0, 1, …, count */
function upTo(graph: Graph, count: number): Tensor {
  return constant(
    graph,
    'int32',
    Array.from({ length: count + 1 }, (_, i) => i),
  );
}

/** How much each number is above the one before. */
function differences(numbers: Tensor): Tensor {
  const count = numbers.shape[0]! - 1;
  return sub(slice(numbers, [1], [count]), slice(numbers, [0], [count]));
}

/** Masks of dropout differ between clones; those of the first are a single network's. */
function seedOf(dropoutSeed: Tensor, clone: number): Tensor {
  if (clone === 0) return dropoutSeed;
  // Layers change this word, too (`dropout`), by multiples of another number.
  const word = Math.imul(clone, 0x85ebca6b);
  return add(dropoutSeed, constant(dropoutSeed.graph, 'int32', [word, 0]));
}

/**
 * What the clones give of their items or monitored rows, in the order of the batch.
 *
 * @param ofClones  the same outputs of each clone, by name: `scores` as `itemScores` packs them, others [n, …]
 */
export function joinOutputs(
  ofClones: readonly Readonly<Record<string, Tensor>>[],
): Readonly<Record<string, Tensor>> {
  const [first] = ofClones;
  if (ofClones.length === 1) return first!;
  const joined = Object.entries(first!).map(([name, { graph }]) => {
    const parts = ofClones.map((outputs) => outputs[name]!);
    const join = () =>
      name === 'scores' ? joinScores(parts, { name }) : concat(parts, 0, { name });
    return [name, graph.withRootScope('joined', join)];
  });
  return Object.fromEntries(joined);
}
