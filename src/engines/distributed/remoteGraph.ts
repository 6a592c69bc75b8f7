/** A graph in a session against a server of TensorFlow's, through the C library. */
import type { NamedSignatures } from '../../graph/savedModel.ts';
import type { HostTensor } from '../engine.ts';
import type { LoadedGraph } from '../engineTasks.ts';
import { type CApi, memoryAt, type Pointer } from './cApi.ts';

/** TF_DataType of c/tf_datatype.h. */
const dataTypes = { float32: 1, int32: 3 } as const;

/** Bytes of the C structure TF_Output: an address, an index, and four that are unused. */
const outputBytes = 16;

/** Tensors of a graph as the C library takes them, with their keys. */
interface Tensors {
  readonly keys: readonly string[];
  /** TF_Output[] */
  readonly outputs: Uint8Array;
}

interface Entry {
  readonly inputs: Tensors;
  readonly outputs: Tensors;
  /** RunOptions, a TF_Buffer; null for the usual ones. */
  readonly options: Pointer | null;
}

/** What opens one. */
export interface RemoteGraphOptions {
  /** Of a server, such as 'grpc://127.0.0.1:2222'. */
  readonly target: string;
  /** ConfigProto */
  readonly config: Uint8Array;
  /** GraphDef, with a device for each node. */
  readonly graphDef: Uint8Array;
  readonly signatures: NamedSignatures;
  /** Those of them that all processes run at once. */
  readonly collective: readonly string[];
  /** RunOptions of these. */
  readonly collectiveRun: Uint8Array;
}

/** Such a graph; it blocks the thread that runs it. */
export class RemoteGraph implements LoadedGraph {
  readonly #c: CApi;
  readonly #graph: Pointer;
  readonly #session: Pointer;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #collectiveRun: Pointer;

  /** @throws Error  when TensorFlow does not take the graph, or the server is not there */
  constructor(c: CApi, options: RemoteGraphOptions) {
    this.#c = c;
    this.#graph = importGraph(c, options.graphDef);
    this.#session = openSession(c, this.#graph, options);
    const tensorsOf = (named: Readonly<Record<string, string>>): Tensors => {
      const keys = Object.keys(named);
      const outputs = Buffer.alloc(outputBytes * keys.length);
      Object.values(named).forEach((name, i) => {
        // "node:index"
        const separator = name.lastIndexOf(':');
        const operation = c.operation(this.#graph, name.slice(0, separator));
        outputs.writeBigUInt64LE(operation, outputBytes * i);
        outputs.writeInt32LE(Number(name.slice(separator + 1)), outputBytes * i + 8);
      });
      return { keys, outputs };
    };
    const { collective, collectiveRun } = options;
    this.#collectiveRun = c.newBuffer(collectiveRun, collectiveRun.length);
    this.#entries = new Map(
      Object.entries(options.signatures).map(([name, { inputs, outputs }]) => [
        name,
        {
          inputs: tensorsOf(inputs),
          outputs: tensorsOf(outputs),
          options: collective.includes(name) ? this.#collectiveRun : null,
        },
      ]),
    );
  }

  run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Record<string, HostTensor<ArrayBuffer>> {
    const { inputs, outputs, options } = this.#entries.get(signature)!;
    const fed = new BigUint64Array(inputs.keys.length);
    const fetched = new BigUint64Array(outputs.keys.length);
    try {
      inputs.keys.forEach((key, i) => {
        fed[i] = this.#toTensor(feeds[key]!);
      });
      this.#c.run(
        this.#session,
        options,
        ...([inputs.outputs, fed, fed.length] as const),
        ...([outputs.outputs, fetched, fetched.length] as const),
        ...([noOperations, 0, null] as const),
      );
      return Object.fromEntries(outputs.keys.map((key, i) => [key, this.#fromTensor(fetched[i]!)]));
    } finally {
      for (const tensor of [...fed, ...fetched]) if (tensor !== 0n) this.#c.deleteTensor(tensor);
    }
  }

  close(): void {
    this.#c.closeSession(this.#session);
    this.#c.deleteSession(this.#session);
    this.#c.deleteGraph(this.#graph);
    this.#c.deleteBuffer(this.#collectiveRun);
  }

  #toTensor({ data, shape }: HostTensor): Pointer {
    const dtype = data instanceof Float32Array ? dataTypes.float32 : dataTypes.int32;
    const sizes = BigInt64Array.from(shape, (size) => BigInt(size));
    const tensor = this.#c.allocateTensor(dtype, sizes, shape.length, data.byteLength);
    if (data.length > 0) {
      const memory = memoryAt(this.#c.tensorData(tensor), data.byteLength);
      new Int32Array(memory).set(new Int32Array(data.buffer, data.byteOffset, data.length));
    }
    return tensor;
  }

  #fromTensor(tensor: Pointer): HostTensor<ArrayBuffer> {
    const c = this.#c;
    const shape = Array.from({ length: c.tensorRank(tensor) }, (_, i) =>
      Number(c.tensorSize(tensor, i)),
    );
    const bytes = Number(c.tensorBytes(tensor));
    const copy = bytes === 0 ? new ArrayBuffer(0) : memoryAt(c.tensorData(tensor), bytes).slice(0);
    const isFloat = c.tensorType(tensor) === dataTypes.float32;
    return { data: isFloat ? new Float32Array(copy) : new Int32Array(copy), shape };
  }
}

const noOperations = new BigUint64Array(1);

function importGraph(c: CApi, graphDef: Uint8Array): Pointer {
  const graph = c.newGraph();
  const buffer = c.newBuffer(graphDef, graphDef.length);
  const options = c.newImportOptions();
  try {
    c.importGraph(graph, buffer, options);
    return graph;
  } finally {
    c.deleteImportOptions(options);
    c.deleteBuffer(buffer);
  }
}

function openSession(c: CApi, graph: Pointer, { target, config }: RemoteGraphOptions): Pointer {
  const options = c.newSessionOptions();
  try {
    c.setTarget(options, target);
    c.setConfig(options, config, config.length);
    return c.newSession(graph, options);
  } finally {
    c.deleteSessionOptions(options);
  }
}
