/** One run of `losslens export`: writes a trained network as a SavedModel. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { classNamesFile, formatClassNames } from '../../datasets/labels/classNames.ts';
import { Cleanup } from '../cleanup.ts';
import { UserError } from '../errors.ts';
import { lockFolder } from '../files/folderLock.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { replaceFile, replaceFileByParts } from '../files/replaceFile.ts';
import { freeze } from '../graph/freeze.ts';
import { encodeSavedModel } from '../graph/savedModel.ts';
import { buildServingGraph } from '../model/predictionGraph.ts';
import { readNetwork } from './classifier.ts';
import type { TrainedNetwork } from './trainedNetwork.ts';

/** What an export is asked to do: flags of `losslens export`. */
export interface ExportOptions {
  readonly export_dir: string;
  /** Set to anything, the moving averages are exported. */
  readonly moving_average_decay: number | undefined;
}

/** The name that TensorFlow's tools look for first. */
export const servingSignature = 'serving_default';

/**
 * Writes `saved_model.pb` and, for people, `assets.extra/labels.txt`.
 *
 * The signature `serving_default` takes images uint8 [n, height, width, channels] of the size that
 * `servedSize` says, preprocesses them as evaluation does, and gives probabilities [n, classes]. The variables are constants of
 * the graph: there is nothing to restore or initialise, which every reader of SavedModels manages.
 *
 * @returns  the prefix of the checkpoint
 * @throws UserError  when the folder holds a model already, cannot be written to, or another process writes to it
 * @throws the signal's reason, when it is aborted before anything is written
 */
export async function exportNetwork(
  { export_dir, moving_average_decay }: ExportOptions,
  { checkpoint_path: path, network, input, classNames }: TrainedNetwork,
  signal: AbortSignal,
): Promise<string> {
  const { graph, variables, signatures } = buildServingGraph({
    network,
    numClasses: classNames.length,
    input,
  });
  const { inputs, outputs } = signatures['predict']!;
  const ofAverages = moving_average_decay !== undefined;
  const { checkpoint, values } = await readNetwork(path, variables, ofAverages);
  const frozen = freeze(graph, { ...inputs, ...outputs }, values);
  const { images, probabilities } = frozen.tensors;
  signal.throwIfAborted();
  const model = encodeSavedModel(frozen.graph, {
    [servingSignature]: { inputs: { images: images! }, outputs: { probabilities: probabilities! } },
  });
  const target = join(export_dir, 'saved_model.pb');
  await Cleanup.after(async (cleanup) => {
    // Late: to servers that watch where it appears, an empty folder is a model that does not load.
    const lock = await lockFolder(export_dir, '--export_dir', { signal });
    cleanup.add(() => lock.release());
    if (existsSync(target)) {
      throw new UserError(
        `--export_dir: "${export_dir}" holds a model already; expected a folder without, such as the next version.`,
      );
    }
    const extra = join(export_dir, 'assets.extra');
    await makeFolder(extra);
    await replaceFile(join(extra, classNamesFile), formatClassNames(classNames));
    // The model comes last: servers that watch the folder take it then.
    await replaceFileByParts(target, [model]);
  });
  return checkpoint;
}
