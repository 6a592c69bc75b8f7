/** The thread that TensorFlow works in: loads the package, then graphs, and runs what it is asked to. */
import { workerData } from 'node:worker_threads';
import type { NamedSignatures } from '../graph/savedModel.ts';
import { doEngineTasks } from './engineTasks.ts';
import { LoadedModel, requireTensorFlow } from './tensorflowPackage.ts';

/** What the thread has loaded. */
export interface StartedTensorFlow {
  /** Of TensorFlow, such as '2.21.0'. */
  readonly version: string;
  readonly isUsingGpu: boolean;
}

/** A SavedModel in a folder. */
export interface SavedGraph {
  readonly folder: string;
  readonly signatures: NamedSignatures;
}

doEngineTasks<SavedGraph, StartedTensorFlow>(() => {
  const tf = requireTensorFlow((workerData as { readonly folder: string }).folder);
  const backend = tf.findBackend('tensorflow');
  return {
    started: { version: backend.binding.TF_Version, isUsingGpu: backend.isUsingGpuDevice },
    load: ({ folder, signatures }) => new LoadedModel(tf, folder, signatures),
  };
});
