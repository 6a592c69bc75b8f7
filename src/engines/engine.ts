/** What every engine offers: it loads a graph once and runs its signatures. */
import type { Graph, Tensor } from '../graph/graph.ts';

/** A tensor outside of any engine: values in row-major order with their shape. */
export interface HostTensor<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly data: Float32Array<Memory> | Int32Array<Memory>;
  readonly shape: readonly number[];
}

/** One entry point of a graph. Outputs that must follow an update carry it as a control input. */
export interface Signature {
  /**
   * What `Session.run` feeds, by the name that it feeds it under: placeholders, or any other float32 or int32 tensors,
   * of which then nothing is computed.
   */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Fetched tensors (float32 or int32) by the name under which `Session.run` returns them. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** The entry points of a graph by name, such as 'assign', 'read', 'train', 'predict'. */
export type Signatures = Readonly<Record<string, Signature>>;

/** What an engine makes of bfloat16 in convolutions and matrix products. */
export interface Bfloat16Support {
  readonly support: 'none' | 'slow' | 'untried' | 'fast';
  /** For people, such as 'the processor has amx_bf16'. */
  readonly reason: string;
}

/** Runs graphs. */
export interface Engine {
  /** For people and run.json, such as 'tensorflow 2.21.0 (CPU)'. */
  readonly name: string;
  readonly bfloat16: Bfloat16Support;
  /**
   * Loads a graph; its variables start unassigned and live as long as the session.
   *
   * @throws NoEngineError  when it holds an op that the engine cannot run
   */
  load(graph: Graph, signatures: Signatures): Promise<Session>;
}

/** One loaded graph with the values of its variables. */
export interface Session {
  /**
   * Runs one signature to its end. Runs of one session are done one after the other in the order of the
   * calls: a caller may ask for the next before the last one has settled.
   *
   * @param signature  name of the signature
   * @param feeds      a value for every input of the signature; they stay as they are until the run has settled
   * @returns          a value for every output of the signature, the caller's own
   * @throws Error     when a feed is missing or has the wrong shape
   */
  run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>>;
  /** Frees the variables once all runs so far have settled; the session cannot run afterwards. */
  close(): Promise<void>;
}
