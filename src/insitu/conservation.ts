/**
 * Which sums of f·b a network conserves (Euler's theorem on homogeneous functions), told from the
 * graph.
 *
 * Scale a layer h by λ, and the biases behind it by the powers of λ that keep every addition in
 * proportion. If the logits z then scale by λ^d, differentiating at λ = 1 gives
 *
 *   Σ h·∂L/∂h + Σ d_bias·Σ bias·∂L/∂bias = d·Σ z·∂L/∂z
 *
 * d is 1 behind linear layers, ReLU, pooling and dropout, so the layers' sums differ by the bias terms
 * alone; it is 0 where every way runs through a batch normalisation with the batch's statistics.
 */
import type { Node, Tensor, Variable } from '../graph/graph.ts';
import { constantInput } from '../graph/nodeInputs.ts';
import { nodesBehind, originOf } from '../graph/walk.ts';

/** How a tensor scales with a layer. */
interface Scaling {
  /** d in λ^d. */
  readonly degree: number;
  /** Degree of each bias that has to be scaled along. */
  readonly biases: ReadonlyMap<Variable, number>;
}

/** Ops whose output scales as their first input does, for λ > 0. */
const keepsDegree = new Set([
  ...['Identity', 'IdentityN', 'Cast', 'Reshape', 'BroadcastTo', 'Pad', 'Slice', 'GatherV2'],
  ...['Sum', 'Mean', 'Max', 'MaxPool', 'AvgPool', 'Relu', 'Neg', 'Abs'],
  ...['SpaceToBatchND', 'BatchToSpaceND'],
]);
/** Ops that need all inputs to scale alike. */
const addsInputs = new Set(['AddV2', 'AddN', 'Sub', 'BiasAdd', 'Maximum', 'Minimum', 'ConcatV2']);
/** Ops whose degree is the sum of their inputs'. */
const multipliesInputs = new Set(['Mul', 'MatMul', 'Conv2D', 'DepthwiseConv2dNative']);
/** Ops that a variable's value goes through unchanged. */
const keepsValue = new Set(['Identity', 'Cast']);
/** Ops whose outputs depend on the shape of their input alone. */
const readsShape = new Set(['Shape', 'Size', 'StatelessRandomUniform', 'StatelessRandomUniformV2']);

/** The variable that a tensor is the value of, if it is one. */
function variableOf(tensor: Tensor): Variable | undefined {
  const { origin } = originOf(tensor, keepsValue);
  return [...tensor.graph.variables.values()].find(({ value }) => value === origin);
}

/** Whether a tensor is nothing but zeros, which scale as one likes. */
function isZero({ node: { attrs } }: Tensor): boolean {
  const value = attrs['value'];
  return value !== undefined && 'tensor' in value && value.tensor.data.every((x) => x === 0);
}

/**
 * Follows how tensors scale with one layer.
 *
 * @returns  the scaling of each tensor behind the layer; null where it is by no power of λ. Tensors
 *           that do not depend on the layer are left out.
 */
function scalingsBehind(layer: Tensor): ReadonlyMap<Tensor, Scaling | null> {
  const scalings = new Map<Tensor, Scaling | null>([[layer, { degree: 1, biases: new Map() }]]);
  for (const node of nodesBehind(layer.graph, scalings)) {
    const scaling = scalingOf(node, scalings);
    if (scaling === undefined) continue;
    for (const output of node.outputs) scalings.set(output, scaling);
  }
  return scalings;
}

/** undefined when the node does not depend on the values of its inputs. */
function scalingOf(
  node: Node,
  scalings: ReadonlyMap<Tensor, Scaling | null>,
): Scaling | null | undefined {
  const { op, inputs } = node;
  if (readsShape.has(op)) return undefined;
  const biases = new Map<Variable, number>();
  for (const input of inputs) {
    const scaling = scalings.get(input);
    if (scaling === null) return null;
    for (const [variable, degree] of scaling?.biases ?? []) {
      if ((biases.get(variable) ?? degree) !== degree) return null;
      biases.set(variable, degree);
    }
  }
  const degreeOf = (input: Tensor) => scalings.get(input)?.degree ?? 0;
  const degrees = inputs.map(degreeOf);
  const scaledBy = (degree: number): Scaling => ({ degree, biases });
  // Whatever is made of tensors that do not scale does not scale.
  if (degrees.every((degree) => degree === 0)) return scaledBy(0);
  const [first = 0, second = 0] = degrees;
  if (keepsDegree.has(op)) return scaledBy(first);
  if (multipliesInputs.has(op)) return scaledBy(first + second);
  if (addsInputs.has(op)) {
    // The last input of ConcatV2 is the axis.
    const terms = op === 'ConcatV2' ? inputs.slice(0, -1) : inputs;
    const degree = Math.max(...terms.map(degreeOf));
    for (const term of terms) {
      if (degreeOf(term) === degree || isZero(term)) continue;
      const variable = scalings.has(term) ? undefined : variableOf(term);
      if (variable === undefined || (biases.get(variable) ?? degree) !== degree) return null;
      biases.set(variable, degree);
    }
    return scaledBy(degree);
  }
  switch (op) {
    case 'RealDiv':
      return scaledBy(first - second);
    case 'Square':
      return scaledBy(2 * first);
    case 'Sqrt':
      return scaledBy(first / 2);
    case 'Rsqrt':
      return scaledBy(-first / 2);
    case 'Pow':
      return inputs[1]!.node.op === 'Const' ? scaledBy(first * constantInput(node, 1)[0]!) : null;
    case 'FusedBatchNormV3': {
      // Scale and offset multiply and are added behind the normalisation.
      const isTraining = node.attrs['is_training'];
      const normalizesBatch = isTraining !== undefined && 'b' in isTraining && isTraining.b;
      return normalizesBatch && degrees[1] === 0 && degrees[2] === 0 ? scaledBy(0) : null;
    }
    default:
      return null;
  }
}

/** Whether every use of a variable is an addition that was followed from the layer. */
function isUsedAlone({ value }: Variable, tensors: ReadonlyMap<Tensor, unknown>): boolean {
  const users = [...nodesBehind(value.graph, new Set([value]))];
  return users.every(
    ({ op, outputs }) => op === 'L2Loss' || outputs.some((output) => tensors.has(output)),
  );
}

/** What theory says of the sum of f·b at one layer, over all items of a batch. */
export interface ConservationLaw {
  /** Σ h·∂L/∂h = degree·Σ z·∂L/∂z − Σ biasDegree·Σ bias·∂L/∂bias. */
  readonly degree: number;
  readonly biases: ReadonlyMap<Variable, number>;
}

/**
 * The law that holds at a layer.
 *
 * @param layer   a tensor before the logits
 * @param logits  z, which every way from the layer to the loss runs through
 * @returns       null where theory demands nothing: an op on the way is not homogeneous, or a part of
 *                the logits comes around the layer
 */
export function conservationLaw(layer: Tensor, logits: Tensor): ConservationLaw | null {
  const scalings = scalingsBehind(layer);
  const scaling = scalings.get(logits);
  if (!scaling) return null;
  const { degree, biases } = scaling;
  return [...biases.keys()].every((variable) => isUsedAlone(variable, scalings))
    ? { degree, biases }
    : null;
}

/** Whether any way from one tensor to another avoids a third. */
function reaches(from: Tensor, to: Tensor, without: Tensor): boolean {
  const found = new Set([from]);
  for (const { outputs } of nodesBehind(from.graph, found)) {
    for (const output of outputs) if (output !== without) found.add(output);
  }
  return found.has(to);
}

/**
 * Finds a layer at which each item has the same sum as at another one: all ways from that one to the
 * loss run through it, and it is homogeneous of degree 1 in that one, without biases and batch
 * statistics.
 *
 * @param candidates  layers by name, of which the first is taken
 * @returns           its name, or null when there is none
 */
export function layerOfEqualItemSums(
  layer: Tensor,
  candidates: Iterable<readonly [name: string, tensor: Tensor]>,
  logits: Tensor,
): string | null {
  const scalings = scalingsBehind(layer);
  for (const [name, candidate] of candidates) {
    const scaling = scalings.get(candidate);
    if (candidate === layer || scaling?.degree !== 1 || scaling.biases.size > 0) continue;
    if (candidate === logits || !reaches(layer, logits, candidate)) return name;
  }
  return null;
}
