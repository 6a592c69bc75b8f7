/** The checkpoints of a run: which there are, which is the latest, and how a new one takes its place. */
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { UserError } from '../../errors.ts';
import { replaceFile } from '../../replaceFile.ts';
import { bundleFiles, type CheckpointTensor, writeTensorBundle } from './tensorBundle.ts';

/** Name of the text file that tells which checkpoints there are (TensorFlow's CheckpointState). */
const stateFile = 'checkpoint';
const temporarySuffix = '.tmp';

/** Names of the checkpoints in a folder, oldest first, as its state file has them. */
async function readState(folder: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(join(folder, stateFile), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(
      `${join(folder, stateFile)}: cannot be read (${(error as Error).message}).`,
    );
  }
  const paths = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}: "((?:[^"\\\\]|\\\\.)*)"`, 'gm'))].map(
      ([, path]) => JSON.parse(`"${path}"`) as string,
    );
  const [latest] = paths('model_checkpoint_path');
  const all = paths('all_model_checkpoint_paths');
  return latest === undefined ? all : [...all.filter((path) => path !== latest), latest];
}

/**
 * The latest checkpoint of a folder.
 *
 * @returns  its prefix, such as `DIR/model.ckpt-100`, or undefined when there is none
 */
export async function latestCheckpoint(folder: string): Promise<string | undefined> {
  const latest = (await readState(folder)).at(-1);
  if (latest === undefined) return undefined;
  return isAbsolute(latest) ? latest : join(folder, latest);
}

/** The number of steps in a checkpoint's name, or 0: `model.ckpt-100` → 100. */
export function stepOfCheckpoint(prefix: string): number {
  return Number(/-(\d+)$/.exec(prefix)?.[1] ?? 0);
}

/**
 * Resolves what --checkpoint_path was given: a folder stands for its latest checkpoint.
 *
 * @returns  the checkpoint's prefix
 * @throws UserError  when there is none
 */
export async function resolveCheckpoint(path: string): Promise<string> {
  const latest = await latestCheckpoint(path);
  if (latest !== undefined) return latest;
  const names = await readdir(dirname(path)).catch(() => [] as string[]);
  if (names.includes(`${basename(path)}.index`)) return path;
  throw new UserError(
    `--checkpoint_path: got "${path}"; expected a folder with a checkpoint, or a prefix such as ${join(path, 'model.ckpt-100')}.`,
  );
}

/**
 * Saves a checkpoint `folder/model.ckpt-STEP`. A crash at any moment leaves the earlier ones as they
 * were: files appear under their names only when they are complete, the index after the data, and
 * `checkpoint` names the new one last.
 *
 * @param tensors    by name
 * @param maxToKeep  older ones are deleted
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  maxToKeep: number,
): Promise<void> {
  const name = `model.ckpt-${step}`;
  const final = bundleFiles(join(folder, name));
  const temporary = {
    data: final.data + temporarySuffix,
    index: final.index + temporarySuffix,
  };
  await writeTensorBundle(temporary, tensors);
  await rename(temporary.data, final.data);
  await rename(temporary.index, final.index);
  const all = [...(await readState(folder)).filter((other) => other !== name), name];
  const kept = all.slice(-maxToKeep);
  await replaceFile(
    join(folder, stateFile),
    [
      `model_checkpoint_path: ${JSON.stringify(name)}`,
      ...kept.map((path) => `all_model_checkpoint_paths: ${JSON.stringify(path)}`),
      '',
    ].join('\n'),
  );
  await removeUnlisted(folder, kept);
}

/** Deletes the files of checkpoints that are no longer kept, and what a killed run left half-written. */
async function removeUnlisted(folder: string, kept: readonly string[]): Promise<void> {
  for (const file of await readdir(folder)) {
    const [, checkpoint] = /^(model\.ckpt-\d+)\.(?:index|data-\d+-of-\d+)/.exec(file) ?? [];
    if (checkpoint === undefined) continue;
    if (!kept.includes(checkpoint) || file.endsWith(temporarySuffix)) {
      await rm(join(folder, file), { force: true });
    }
  }
}
