/** Which process of a cluster computes each node of a graph. */
import type { Graph, Node, Tensor } from '../../graph/graph.ts';
import { isCollective } from '../../graph/ops/collectives.ts';
import { sizeOf } from '../../graph/shape.ts';
import { chief, deviceOfTask, type Hosts, isWithoutServers, type Task } from './hosts.ts';

/** Resources that have to lie on one parameter server, and what they weigh. */
interface Group {
  readonly handles: Node[];
  /** float32 numbers */
  size: number;
}

const isHandle = ({ dtype }: Tensor) => dtype === 'resource';

/** Numbers that a resource holds: those of a variable, or of the gradients that an accumulator adds up. */
function sizeOfResource({ attrs }: Node): number {
  const { shape } = attrs;
  return shape !== undefined && 'shape' in shape ? sizeOf(shape.shape) : 0;
}

/** What a Switch hands on. */
function beforeSwitch(tensor: Tensor): Tensor {
  return tensor.node.op === 'Switch' ? beforeSwitch(tensor.node.inputs[0]!) : tensor;
}

/** Resources by what has to lie together: an update takes a variable, its slots, and its gradient's accumulator. */
function groupsOf(graph: Graph): readonly Group[] {
  const groupOf = new Map<Node, Group>();
  const join = (nodes: readonly Node[]) => {
    const [first, ...others] = new Set(nodes.map((node) => groupOf.get(node)!));
    for (const other of others) {
      first!.handles.push(...other.handles);
      first!.size += other.size;
      for (const node of other.handles) groupOf.set(node, first!);
    }
  };
  for (const node of graph.nodes) {
    if (node.outputs.some(isHandle) && node.inputs.length === 0) {
      groupOf.set(node, { handles: [node], size: sizeOfResource(node) });
      continue;
    }
    const handles = node.inputs.filter(isHandle);
    // What an accumulator has gathered goes into the update, if it may.
    const taken = node.inputs
      .map(beforeSwitch)
      .filter(({ node: { op } }) => op === 'ResourceAccumulatorTakeGradient');
    const accumulators = taken.map(({ node: { inputs } }) => inputs[0]!);
    if (handles.length > 0) join([...handles, ...accumulators].map((handle) => handle.node));
  }
  return [...new Set(groupOf.values())];
}

/** All in the process itself but queues, which are the chief's. */
function placeWithoutServers(task: Task): (node: Node) => string {
  const own = deviceOfTask(task);
  return (node) => {
    // What others send comes to this memory, and of a group all devices have to be of one kind.
    if (isCollective(node)) return `${own}/device:CPU:0`;
    const handle = node.inputs.find(isHandle)?.node ?? node;
    return handle.op === 'FIFOQueueV2' ? deviceOfTask(chief) : own;
  };
}

/**
 * Places a graph on a cluster: variables and whatever else holds something lie on the parameter servers, the largest
 * first, each where there is least so far; what takes their handles is done there, all else in the process itself.
 * Without parameter servers each process keeps all but the queues, which lie on the chief.
 *
 * @param task  the process that runs the graph
 * @returns     the device of each node, which names a process; what processes share is placed alike by every process
 */
export function placeOnCluster(graph: Graph, hosts: Hosts, task: Task): (node: Node) => string {
  if (isWithoutServers(hosts)) return placeWithoutServers(task);
  const loads = hosts.ps.map(() => 0);
  const serverOf = new Map<Node, number>();
  const groups = [...groupsOf(graph)].sort((a, b) => b.size - a.size);
  for (const { handles, size } of groups) {
    const server = loads.indexOf(Math.min(...loads));
    loads[server] = loads[server]! + size;
    for (const handle of handles) serverOf.set(handle, server);
  }
  const own = deviceOfTask(task);
  return (node) => {
    // What only hands a value on does so where that is: gradients do not leave their server for it.
    const source = node.op === 'Switch' ? beforeSwitch(node.outputs[0]!).node : node;
    const handle = serverOf.has(source) ? source : source.inputs.find(isHandle)?.node;
    const server = handle && serverOf.get(handle);
    return server === undefined ? own : deviceOfTask({ job: 'ps', index: server });
  };
}
