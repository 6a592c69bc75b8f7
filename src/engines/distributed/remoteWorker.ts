/** The thread of one session of a cluster: a run may wait in it for other processes, while other threads go on. */
import { workerData } from 'node:worker_threads';
import { doEngineTasks } from '../engineTasks.ts';
import { loadCApi } from './cApi.ts';
import { RemoteGraph, type RemoteGraphOptions } from './remoteGraph.ts';

/** What such a thread is told. */
export interface RemoteWorkerData
  extends Pick<RemoteGraphOptions, 'target' | 'config' | 'collectiveRun'> {
  /** Of tfjs-node-gpu. */
  readonly packageFolder: string;
}

/** What it loads. */
export type RemoteModel = Pick<RemoteGraphOptions, 'graphDef' | 'signatures' | 'collective'>;

doEngineTasks<RemoteModel, object>(() => {
  const { packageFolder, ...options } = workerData as RemoteWorkerData;
  const c = loadCApi(packageFolder);
  return {
    started: {},
    load: (model) => new RemoteGraph(c, { ...model, ...options }),
  };
});
