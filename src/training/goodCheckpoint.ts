/** Which of a run's checkpoints can be gone on from after its training diverged. */
import { lastGoodCheckpoint, listCheckpoints, openCheckpoint } from '../checkpoint/checkpoints.ts';

/** Trained weights are below a thousand; larger ones than this lead a few layers out of float32 at any learning rate. */
const maxWeight = 1e6;

interface Weight {
  readonly name: string;
  readonly value: number;
}

/** The largest of the weights in a checkpoint. @throws UserError  when it cannot be read */
async function largestWeight(path: string, variables: readonly Pick<Weight, 'name'>[]) {
  const bundle = await openCheckpoint(path);
  let largest: Weight = { name: '', value: 0 };
  for (const { name } of variables) {
    for (const value of (await bundle.read(name)).data as Float32Array) {
      if (Math.abs(value) > Math.abs(largest.value)) largest = { name, value };
    }
  }
  return largest;
}

/** What a run that diverged can go on from. */
export interface GoodCheckpoint {
  /** Whether there is none after it. */
  readonly isLatest: boolean;
  /** For people, without its full stop. */
  readonly sentence: string;
}

/**
 * Looks for the last checkpoint of a run whose weights can be trained on.
 *
 * @param variables  weights that are trained
 */
export async function goodCheckpoint(
  folder: string,
  variables: readonly Pick<Weight, 'name'>[],
): Promise<GoodCheckpoint> {
  let spoiled: string | undefined;
  let good: string | undefined;
  for (const path of (await listCheckpoints(folder).catch(() => [])).reverse()) {
    const weight = await largestWeight(path, variables).catch(() => undefined);
    if (weight === undefined) continue;
    if (Math.abs(weight.value) <= maxWeight) {
      good = path;
      break;
    }
    spoiled ??= `The weights of ${path} are beyond what can be trained on, at any learning rate (${weight.name} holds ${weight.value.toPrecision(2)})`;
  }
  if (spoiled === undefined) {
    return { isLatest: true, sentence: await lastGoodCheckpoint(folder) };
  }
  const remedy =
    good === undefined
      ? 'none before it is good, so begin anew in another --train_dir'
      : `to go on from the last good checkpoint, ${good}, move the .index files of those after it away`;
  return { isLatest: false, sentence: `${spoiled}: ${remedy}` };
}
