/** What the thread of an engine can be asked to do, what it answers, and how it does it. */
import { parentPort } from 'node:worker_threads';
import type { HostTensor } from './engine.ts';

/** A graph in the thread that runs it. */
export interface LoadedGraph {
  /**
   * Runs one signature, blocking this thread.
   *
   * @param feeds   that fit the signature (`checkFeeds`)
   * @returns       every output in memory of its own
   * @throws Error  what TensorFlow says of what it cannot compute
   */
  run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Record<string, HostTensor<ArrayBuffer>>;
  /** Frees what it holds. */
  close(): void;
}

/** What it can be asked to do; runs, and closings among them, are done in their order. */
export type EngineTask<Model> =
  | { readonly kind: 'load'; readonly model: Model }
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

/** A kind of task. */
export type EngineTaskKind = keyof EngineResults;

/** A task with a number that its answer bears. */
export interface EngineRequest<Model> {
  readonly id: number;
  readonly task: EngineTask<Model>;
}

/** The answer to a request. */
export type EngineResponse =
  | { readonly id: number; readonly result: EngineResults[EngineTaskKind] }
  | { readonly id: number; readonly error: Error };

/** The thread's first message: what it has loaded, or why it could not. */
export type StartMessage<Started> = Started | { readonly failure: string };

/**
 * In the thread: says that it has started, and does the tasks that come.
 *
 * @param start  gives the thread's first message, and what loads a graph
 */
export function doEngineTasks<Model, Started>(
  start: () => { started: Started; load: (model: Model) => LoadedGraph },
): void {
  const port = parentPort!;
  const sessions = new Map<number, LoadedGraph>();
  let nextSession = 0;
  const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
  try {
    const { started, load } = start();
    const answer = ({ id, task }: EngineRequest<Model>): void => {
      if (task.kind === 'load') {
        const session = nextSession++;
        sessions.set(session, load(task.model));
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
    port.on('message', (request: EngineRequest<Model>) => {
      try {
        answer(request);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        port.postMessage({ id: request.id, error } satisfies EngineResponse);
      }
    });
    port.postMessage(started satisfies StartMessage<Started>);
  } catch (error) {
    port.postMessage({ failure: messageOf(error) } satisfies StartMessage<Started>);
  }
}
