/** Runs graphs on the kernels of tfjs' WebAssembly backend: an interpreter of the same graph. */
import { setImmediate } from 'node:timers/promises';
import type * as tfc from '@tensorflow/tfjs-core';
import { NoEngineError, UserError } from '../../errors.ts';
import type { Graph, Node, Tensor } from '../../graph/graph.ts';
import { nodesBefore } from '../../graph/walk.ts';
import type { Engine, HostTensor, Session, Signature, Signatures } from '../engine.ts';
import { checkFeeds } from '../feeds.ts';
import { activationKernels } from './activationKernels.ts';
import { arrayKernels } from './arrayKernels.ts';
import { checkAllocations, OutOfMemoryError } from './heap.ts';
import type { KernelTable } from './kernel.ts';
import { mathKernels } from './mathKernels.ts';
import { nnKernels } from './nnKernels.ts';
import { tf } from './tfjs.ts';
import { updates } from './updates.ts';
import { windowKernels } from './windowKernels.ts';

/** Kernels by op; the session handles Placeholder, Const, the ops of variables and those of control flow itself. */
const kernels: KernelTable = {
  ...arrayKernels,
  ...mathKernels,
  ...nnKernels,
  ...activationKernels,
  ...windowKernels,
};
const ownOps = new Set([
  ...['Placeholder', 'Const', 'VarHandleOp', 'ReadVariableOp'],
  ...['Switch', 'Merge'],
]);

/** Starts tfjs' backend. @returns undefined, or why it does not start: tfjs says it on the console alone */
async function startBackend(): Promise<string | undefined> {
  const { warn } = console;
  const said: string[] = [];
  console.warn = (...text: unknown[]) => void said.push(...text.join(' ').split('\n'));
  try {
    if (await tf.setBackend('wasm')) return undefined;
  } finally {
    console.warn = warn;
  }
  return said.find((line) => /Error: /.test(line))?.replace(/^.*Error: /, '') ?? 'no reason';
}

/**
 * Starts the WebAssembly backend.
 *
 * @throws NoEngineError  when it does not start, as without WebAssembly or enough memory
 */
export async function createWasmEngine(): Promise<Engine> {
  const failure = await startBackend();
  if (failure !== undefined) {
    const remedy = /memory/i.test(failure)
      ? ' Allow about 20 GB of addresses, most of which are only reserved: ulimit -v bounds them.'
      : '';
    throw new NoEngineError(
      `engine wasm: the WebAssembly backend does not start on this machine (${failure}).${remedy}`,
    );
  }
  checkAllocations();
  return {
    name: `wasm (tfjs ${tf.version_core}, one thread)`,
    bfloat16: { support: 'none', reason: 'the wasm engine computes in float32' },
    load: async (graph, signatures) => new WasmSession(graph, signatures),
  };
}

/** The nodes of one signature in the order in which they run, and when each value is used last. */
interface Plan {
  readonly nodes: readonly Node[];
  /** Tensors that are not needed after the node of the same position. */
  readonly lastUses: readonly (readonly Tensor[])[];
}

/** Nodes that the outputs depend on, by value or by control input, in graph order. */
function planSignature(graph: Graph, signature: Signature): Plan {
  const outputs = Object.values(signature.outputs);
  const needed = nodesBefore(outputs, new Set(Object.values(signature.inputs)));
  const nodes = graph.nodes.filter((node) => needed.has(node));
  const missing = nodes.find(
    ({ op }) => !ownOps.has(op) && kernels[op] === undefined && updates[op] === undefined,
  );
  if (missing !== undefined) {
    throw new NoEngineError(
      `engine wasm: no kernel for the op ${missing.op} of ${missing.name}; use --engine=tensorflow`,
    );
  }
  const lastUser = new Map<Tensor, number>();
  nodes.forEach((node, position) => {
    for (const tensor of [...node.outputs, ...node.inputs]) lastUser.set(tensor, position);
  });
  for (const tensor of outputs) lastUser.set(tensor, Number.POSITIVE_INFINITY);
  const lastUses: Tensor[][] = nodes.map(() => []);
  for (const [tensor, position] of lastUser) lastUses[position]?.push(tensor);
  return { nodes, lastUses };
}

/** Nodes and tensors that a run leaves out: those of the way that a Switch did not take. */
type Idle = Set<Node | Tensor>;

function isIdle({ op, inputs, controlInputs }: Node, idle: Idle): boolean {
  if (idle.size === 0) return false;
  if (op === 'Merge') return inputs.every((input) => idle.has(input));
  return inputs.some((input) => idle.has(input)) || controlInputs.some((node) => idle.has(node));
}

/**
 * Does the work of a node.
 *
 * @throws UserError  where it ends for want of memory; kernels that get none themselves end in different ways
 */
function withMemoryFor<Result>({ name, op }: Node, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const isShort = error instanceof OutOfMemoryError;
    if (!isShort && (error as Error).name !== 'RuntimeError') throw error;
    const what = isShort
      ? error.message
      : `most likely for want of memory, of which WebAssembly has 4 GiB at most (${(error as Error).message})`;
    throw new UserError(
      `engine wasm: stopped at ${name} (${op}): ${what}. ` +
        'Take fewer items (--batch_size), smaller images or a smaller network, or --engine=tensorflow.',
      { cause: error },
    );
  }
}

class WasmSession implements Session {
  readonly #signatures: Signatures;
  readonly #plans = new Map<string, Plan>();
  /** Values of constants, made once. */
  readonly #constants = new Map<Node, tfc.Tensor>();
  /** Values of variables by their handles. */
  readonly #variables = new Map<Tensor, tfc.Tensor>();

  constructor(graph: Graph, signatures: Signatures) {
    this.#signatures = signatures;
    for (const [name, signature] of Object.entries(signatures)) {
      this.#plans.set(name, planSignature(graph, signature));
    }
  }

  async run(
    name: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>> {
    // A run blocks JavaScript: before it, messages of threads and signals get their turn. First come, first served.
    await setImmediate();
    return this.#run(name, feeds);
  }

  async close(): Promise<void> {
    await setImmediate();
    for (const value of [...this.#constants.values(), ...this.#variables.values()]) value.dispose();
    this.#constants.clear();
    this.#variables.clear();
    this.#plans.clear();
  }

  #run(name: string, feeds: Readonly<Record<string, HostTensor>>): Record<string, HostTensor> {
    const signature = this.#signatures[name];
    const plan = this.#plans.get(name);
    if (signature === undefined || plan === undefined) {
      const known = [...this.#plans.keys()].join(', ') || 'none (the session is closed)';
      throw new Error(`session: got signature '${name}'; expected one of ${known}`);
    }
    checkFeeds(name, signature, feeds);
    // Every engine on tfjs shares its one registry of backends.
    if (tf.getBackend() !== 'wasm') void tf.setBackend('wasm');
    const values = new Map<Tensor, tfc.Tensor>();
    const idle: Idle = new Set();
    try {
      for (const [key, input] of Object.entries(signature.inputs)) {
        const { data, shape } = feeds[key]!;
        const dtype = input.dtype as 'float32' | 'int32';
        values.set(
          input,
          withMemoryFor(input.node, () => tf.tensor(data, [...shape], dtype)),
        );
      }
      plan.nodes.forEach((node, position) => {
        if (isIdle(node, idle)) {
          for (const each of [node, ...node.outputs]) idle.add(each);
        } else withMemoryFor(node, () => this.#runNode(node, values, idle));
        for (const tensor of plan.lastUses[position]!) {
          values.get(tensor)?.dispose();
          values.delete(tensor);
        }
      });
      const results: Record<string, HostTensor> = {};
      for (const [key, tensor] of Object.entries(signature.outputs)) {
        const value = values.get(tensor)!;
        results[key] = { data: value.dataSync() as Float32Array | Int32Array, shape: value.shape };
      }
      return results;
    } finally {
      for (const value of values.values()) value.dispose();
    }
  }

  #runNode(node: Node, values: Map<Tensor, tfc.Tensor>, idle: Idle): void {
    const update = updates[node.op];
    if (update !== undefined) {
      this.#runUpdate(node, values);
      return;
    }
    if (node.op === 'Switch') {
      const [x, condition] = node.inputs.map((input) => values.get(input)!);
      const taken = condition!.dataSync()[0] ? 1 : 0;
      values.set(node.outputs[taken]!, tf.clone(x!));
      idle.add(node.outputs[1 - taken]!);
      return;
    }
    const results = this.#compute(node, values);
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (result !== undefined) values.set(output, result);
    });
  }

  #compute(node: Node, values: Map<Tensor, tfc.Tensor>): readonly tfc.Tensor[] {
    switch (node.op) {
      case 'Placeholder':
      case 'VarHandleOp':
        return [];
      case 'Const':
        return [tf.clone(this.#constant(node))];
      case 'ReadVariableOp':
        return [tf.clone(this.#variable(node.inputs[0]!))];
      case 'Merge':
        return [tf.clone(node.inputs.map((input) => values.get(input)).find((value) => value)!)];
    }
    const inputs = node.inputs.map((input) => values.get(input)!);
    const result = kernels[node.op]!(node, inputs);
    return result instanceof tf.Tensor ? [result] : result;
  }

  #constant(node: Node): tfc.Tensor {
    let value = this.#constants.get(node);
    if (value === undefined) {
      const attr = node.attrs['value'];
      if (attr === undefined || !('tensor' in attr)) throw new Error(`${node.name}: no value`);
      const { data, shape, dtype } = attr.tensor;
      value = tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32');
      this.#constants.set(node, value);
    }
    return value;
  }

  #variable(handle: Tensor): tfc.Tensor {
    const value = this.#variables.get(handle);
    if (value === undefined) throw new Error(`${handle.node.name}: used before it was assigned`);
    return value;
  }

  /** A new tensor takes the place of the old one: the backend keeps packed weights by tensor. */
  #runUpdate(node: Node, values: Map<Tensor, tfc.Tensor>): void {
    const handles = node.inputs.filter(({ dtype }) => dtype === 'resource');
    const others = node.inputs.filter(({ dtype }) => dtype !== 'resource');
    const isAssignment = node.op === 'AssignVariableOp';
    const current = isAssignment ? [] : handles.map((handle) => this.#variable(handle));
    const inputs = others.map((input) => values.get(input)!);
    updates[node.op]!(current, inputs).forEach((next, i) => {
      this.#variables.get(handles[i]!)?.dispose();
      this.#variables.set(handles[i]!, next);
    });
  }
}
