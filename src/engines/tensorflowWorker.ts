/** The thread that TensorFlow works in: loads the package, then graphs, and runs what it is asked to. */
import { parentPort, workerData } from 'node:worker_threads';
import type { NamedSignatures } from '../graph/savedModel.ts';
import type { HostTensor } from './engine.ts';
import { LoadedModel, requireTensorFlow } from './tensorflowPackage.ts';

/** The thread's first message: what it has loaded, or why it could not. */
export type StartMessage =
  | {
      /** Of TensorFlow, such as '2.21.0'. */
      readonly version: string;
      readonly isUsingGpu: boolean;
    }
  | { readonly failure: string };

/** What it can be asked to do; runs, and closings among them, are done in their order. */
export type EngineTask =
  | {
      readonly kind: 'load';
      readonly folder: string;
      readonly signatures: NamedSignatures;
    }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly signature: string;
      readonly feeds: Readonly<Record<string, HostTensor>>;
    }
  | { readonly kind: 'close'; readonly session: number };

/** What each task results in. */
export interface EngineResults {
  /** The number of the session. */
  readonly load: number;
  /** The outputs by name, whose memory is handed over. */
  readonly run: Record<string, HostTensor>;
  readonly close: undefined;
}

/** A task with a number that its answer bears. */
export interface EngineRequest {
  readonly id: number;
  readonly task: EngineTask;
}

/** The answer to a request. */
export type EngineResponse =
  | { readonly id: number; readonly result: EngineResults[EngineTask['kind']] }
  | { readonly id: number; readonly error: Error };

const port = parentPort!;
const { folder } = workerData as { readonly folder: string };
const sessions = new Map<number, LoadedModel>();
let nextSession = 0;

try {
  const tf = requireTensorFlow(folder);
  const backend = tf.findBackend('tensorflow');
  const answer = ({ id, task }: EngineRequest): void => {
    if (task.kind === 'load') {
      const session = nextSession++;
      sessions.set(session, new LoadedModel(tf, task.folder, task.signatures));
      port.postMessage({ id, result: session } satisfies EngineResponse);
    } else if (task.kind === 'run') {
      const outputs = sessions.get(task.session)!.run(task.signature, task.feeds);
      const memory = Object.values(outputs).map(({ data }) => data.buffer);
      port.postMessage({ id, result: outputs } satisfies EngineResponse, memory);
    } else {
      sessions.get(task.session)?.close();
      sessions.delete(task.session);
      port.postMessage({ id, result: undefined } satisfies EngineResponse);
    }
  };
  port.on('message', (request: EngineRequest) => {
    try {
      answer(request);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      port.postMessage({ id: request.id, error } satisfies EngineResponse);
    }
  });
  const { TF_Version: version } = backend.binding;
  port.postMessage({ version, isUsingGpu: backend.isUsingGpuDevice } satisfies StartMessage);
} catch (error) {
  const failure = error instanceof Error ? error.message : String(error);
  port.postMessage({ failure } satisfies StartMessage);
}
