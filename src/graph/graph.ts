/** The symbolic graph: nodes and tensors as TensorFlow's GraphDef has them, built in TypeScript. */

/** Element types that the graph uses. 'resource' is a handle of a variable. */
export type DType = 'float32' | 'bfloat16' | 'int32' | 'int64' | 'uint8' | 'bool' | 'resource';

/** Dimensions; −1 is unknown (the batch). */
export type Shape = readonly number[];

/** Values of a constant. */
export interface ConstantValue {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

/** An attribute of a node, tagged by the field of TensorFlow's AttrValue that carries it. */
export type Attr =
  | { readonly type: DType }
  | { readonly types: readonly DType[] }
  | { readonly i: number }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly s: string }
  | { readonly shape: Shape }
  | { readonly ints: readonly number[] }
  | { readonly tensor: ConstantValue };

/** One operation of the graph. */
export interface Node {
  /** Unique in its graph, with '/' between scopes. */
  readonly name: string;
  /** TensorFlow's name of the operation, such as 'Conv2D'. */
  readonly op: string;
  readonly inputs: readonly Tensor[];
  /** Nodes that must have run before. */
  readonly controlInputs: readonly Node[];
  readonly attrs: Readonly<Record<string, Attr>>;
  /** TensorFlow's name of the device that runs it, such as '/device:GPU:1'; '' leaves that to the engine. */
  readonly device: string;
  readonly outputs: readonly Tensor[];
}

/**
 * How the derivative of a node's outputs becomes derivatives of its inputs.
 *
 * @param node       the forward node
 * @param gradients  dL/doutput for each output; null where the loss does not depend on it
 * @returns          for each input how to add dL/dinput to the graph, asked for only where it is
 *                   needed (an image needs none); null where no gradient flows
 */
export type OpGradient = (
  node: Node,
  gradients: readonly (Tensor | null)[],
) => readonly ((() => Tensor) | null)[];

/** One output of a node; a value that exists only while an engine runs the graph. */
export interface Tensor {
  readonly graph: Graph;
  readonly node: Node;
  /** Which output of the node. */
  readonly index: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Draws the first values of a variable. The source of randomness gives numbers in [0, 1). */
export type Initializer = (shape: Shape, random: () => number) => Float32Array;

/** A variable: its value lives in the session from run to run. */
export interface Variable {
  /** TF-Slim's name, such as 'LeNet/conv1/weights'. */
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** false for moving statistics and optimizer slots, which no gradient moves. */
  readonly trainable: boolean;
  /** Coefficient of its L2 penalty coefficient·Σw²/2 in the loss; 0 for none. */
  readonly weightDecay: number;
  /** The resource handle (VarHandleOp). */
  readonly handle: Tensor;
  /** The value as forward and backward pass read it (ReadVariableOp). */
  readonly value: Tensor;
}

/** What a new node is made of; names are made unique by the graph. */
export interface NodeSpec {
  readonly op: string;
  /** Base name inside the current scope; the op's name by default. */
  readonly name?: string | undefined;
  readonly inputs?: readonly Tensor[];
  readonly controlInputs?: readonly Node[];
  readonly attrs?: Readonly<Record<string, Attr>>;
  /** That of `withDevice` by default. */
  readonly device?: string;
  readonly outputs: readonly { readonly dtype: DType; readonly shape: Shape }[];
}

/** A graph under construction. Nodes are only ever added, inputs before users. */
export class Graph {
  /** All nodes, every node after its inputs. */
  readonly nodes: Node[] = [];
  /** All variables in the order of their creation, by name. */
  readonly variables = new Map<string, Variable>();
  /** Gradients of single nodes that replace the gradient of their op. */
  readonly customGradients = new Map<Node, OpGradient>();
  #scope = '';
  #nodePrefix = '';
  readonly #commonDevice: string;
  #device: string;
  readonly #names = new Set<string>();

  /** @param device  of all nodes that `withDevice` places nowhere else; by default the engine decides */
  constructor(device = '') {
    this.#commonDevice = device;
    this.#device = device;
  }

  /** The current scope: '' or 'a/b'. */
  get scope(): string {
    return this.#scope;
  }

  /**
   * Adds a node.
   *
   * @param spec  operation, inputs, attributes and the types of its outputs
   * @returns     the node, named `scope/name`, with `_1`, `_2`, … where that name is taken
   * @throws Error  when an input belongs to another graph
   */
  addNode(spec: NodeSpec): Node {
    const inputs = spec.inputs ?? [];
    for (const input of inputs) {
      if (input.graph !== this) throw new Error(`${spec.op}: input of another graph`);
    }
    const outputs: Tensor[] = [];
    const node: Node = {
      name: this.#uniqueName(spec.name ?? spec.op),
      op: spec.op,
      inputs,
      controlInputs: spec.controlInputs ?? [],
      attrs: spec.attrs ?? {},
      device: spec.device ?? this.#device,
      outputs,
    };
    spec.outputs.forEach(({ dtype, shape }, index) => {
      outputs.push({ graph: this, node, index, dtype, shape });
    });
    this.nodes.push(node);
    return node;
  }

  /** Runs `build` with `name` appended to the scope; scopes of one name are shared, not numbered. */
  withScope<T>(name: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = outer === '' ? name : `${outer}/${name}`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /** Runs `build` in the scope `name` from the root, whatever the current scope is. */
  withRootScope<T>(name: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = name;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /**
   * Runs `build` with `prefix/` before the names of new nodes, but not before those of variables:
   * a network built a second time shares its variables and has a box of its own in the Graphs tab.
   */
  withNodePrefix<T>(prefix: string, build: () => T): T {
    return this.#within(`${prefix}/`, this.#device, build);
  }

  /** Runs `build` with new nodes on a device, but for variables and what changes them. */
  withDevice<T>(device: string, build: () => T): T {
    return this.#within(this.#nodePrefix, device, build);
  }

  /** Runs `build` for what all parts of the graph share, such as a variable: without prefix and device of any. */
  inCommon<T>(build: () => T): T {
    return this.#within('', this.#commonDevice, build);
  }

  #within<T>(nodePrefix: string, device: string, build: () => T): T {
    const [outerPrefix, outerDevice] = [this.#nodePrefix, this.#device];
    this.#nodePrefix = nodePrefix;
    this.#device = device;
    try {
      return build();
    } finally {
      this.#nodePrefix = outerPrefix;
      this.#device = outerDevice;
    }
  }

  #uniqueName(base: string): string {
    const full = this.#nodePrefix + (this.#scope === '' ? base : `${this.#scope}/${base}`);
    let name = full;
    for (let i = 1; this.#names.has(name); i++) name = `${full}_${i}`;
    this.#names.add(name);
    return name;
  }
}

/** "conv1/Relu float32[?,28,28,32]": how error messages name a tensor. */
export function describe(tensor: Tensor): string {
  const dims = tensor.shape.map((d) => (d < 0 ? '?' : d)).join(',');
  return `${tensor.node.name} ${tensor.dtype}[${dims}]`;
}
