/** The checkpoints of a run: which there are, which is the latest, and how a new one takes its place. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import {
  excerpt,
  isMissing,
  isOfFiles,
  reasonOf,
  UsageError,
  UserError,
  unreadable,
  WriteError,
} from '../errors.ts';
import { expectNoPipe } from '../files/expectNoPipes.ts';
import { expectRoom } from '../files/freeSpace.ts';
import { writeDurably } from '../files/replaceFile.ts';
import { expectSameFolder, type FolderId, isSameFolder } from '../files/sameFolder.ts';
import { isFile, statsOf } from '../files/statsOf.ts';
import { syncFolder } from '../files/syncFolder.ts';
import type { CheckpointState } from '../messages.ts';
import { messageType } from '../protos.ts';
import { openCheckpointV1 } from './checkpointV1.ts';
import {
  bundleFiles,
  type CheckpointTensor,
  openTensorBundle,
  type TensorBundle,
  writeTensorBundle,
} from './tensorBundle.ts';

/** Name of the text file that tells which checkpoints there are. */
const stateFile = 'checkpoint';
const stateType = messageType('checkpoint_state.proto', 'CheckpointState');
/** What files are called while they are written. */
const temporarySuffix = '.tmp';

/**
 * Where a checkpoint lies that a folder's state file names: in the folder, whatever the name says. An
 * absolute path is most often that of the folder before it was moved or copied.
 */
function placeOf(folder: string, name: string): string {
  const path = resolve(folder, name);
  const below = relative(resolve(folder), path);
  const leadsOut = isAbsolute(below) || below.split(sep)[0] === '..';
  return join(folder, leadsOut ? basename(path) : below);
}

/**
 * Paths of the checkpoints that a folder's state file lists, the latest last; all of them in the folder.
 *
 * @throws UserError  when the file cannot be read or understood
 */
export async function listCheckpoints(folder: string): Promise<string[]> {
  const path = join(folder, stateFile);
  let text: string;
  try {
    await expectNoPipe(path);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(path, error);
  }
  const expected = async () => {
    const known = (await unlistedCheckpoints(folder)).at(-1);
    return `expected model_checkpoint_path: "${known ?? '…'}"`;
  };
  let state: CheckpointState;
  try {
    state = stateType.fromText(text);
  } catch (error) {
    const reason = excerpt((error as Error).message);
    throw new UserError(`${path}: is no checkpoint state (${reason}); ${await expected()}.`);
  }
  const latest = state.model_checkpoint_path;
  if (!latest) throw new UserError(`${path}: names no checkpoint; ${await expected()}.`);
  // No name of a file has one; the system's calls refuse it each in a way of its own.
  if (latest.includes('\0')) throw new UserError(`${path}: names a checkpoint with a zero byte.`);
  const others = (state.all_model_checkpoint_paths ?? []).filter(
    (other) => other !== latest && !other.includes('\0'),
  );
  return [...others, latest].map((name) => placeOf(folder, name));
}

/** Those of a folder's listed checkpoints that have an index, the latest last. */
async function completeCheckpoints(folder: string): Promise<string[]> {
  for (let before: string | undefined; ; ) {
    const listed = await listCheckpoints(folder);
    const complete = listed.filter((prefix) => isV2(prefix) || isV1(prefix));
    // A run may have deleted all that were listed, and listed others.
    if (complete.length > 0 || listed.at(-1) === before) return complete;
    before = listed.at(-1);
  }
}

/**
 * The latest complete checkpoint of a folder.
 *
 * @returns  its prefix, such as `DIR/model.ckpt-100`, or undefined when there is none
 */
export async function latestCheckpoint(folder: string): Promise<string | undefined> {
  return (await completeCheckpoints(folder)).at(-1);
}

/**
 * Looks whether the latest checkpoint of a folder is damaged.
 *
 * @returns  how, and what to do: go on from the one before; undefined when it is whole
 * @throws UserError  when the file `checkpoint` cannot be understood
 */
export async function latestDamage(folder: string): Promise<UserError | undefined> {
  const [before, latest] = [undefined, ...(await completeCheckpoints(folder))].slice(-2);
  if (latest === undefined) return undefined;
  const damage = await checkCheckpoint(latest).then(
    () => undefined,
    (error: Error) => error,
  );
  if (damage === undefined) return undefined;
  const remedy =
    before === undefined
      ? 'There is none before it: to begin anew, name another folder.'
      : `To go on from the one before, ${before}, move ${latest}.index away.`;
  return new UserError(`${damage.message} ${remedy}`);
}

/**
 * What is left of a folder's checkpoints when something went wrong: a sentence without its full stop.
 *
 * @param id  of the folder: nothing is said of the checkpoints in another one that is in its place
 */
export async function lastGoodCheckpoint(folder: string, id?: FolderId): Promise<string> {
  if (id === undefined ? !existsSync(folder) : !isSameFolder(folder, id)) {
    return `${folder} itself is gone, or another folder now`;
  }
  try {
    const checkpoint = await latestCheckpoint(folder);
    return checkpoint === undefined
      ? `There is no checkpoint in ${folder} yet`
      : `The last good checkpoint is ${checkpoint}`;
  } catch {
    return `Which checkpoints are in ${folder} cannot be told`;
  }
}

/**
 * Names the first checkpoint of a folder whose writer was killed between the checkpoint's last file and
 * the file that lists it: the list is beside it under its temporary name. The folder has no other writer.
 */
export async function listKilledCheckpoint(folder: string): Promise<void> {
  const path = join(folder, stateFile);
  if (existsSync(path) || !existsSync(path + temporarySuffix)) return;
  if ((await unlistedCheckpoints(folder)).length === 0) return;
  await rename(path + temporarySuffix, path);
}

/** Names of the checkpoints in a folder that may lack the file which lists them, the latest last. */
export async function unlistedCheckpoints(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /^model\.ckpt-\d+\.index$/.test(name))
    .map((name) => name.slice(0, -'.index'.length))
    .sort((a, b) => stepOfCheckpoint(a) - stepOfCheckpoint(b));
}

/** Whether a prefix is that of a checkpoint of format V2: it has an index. */
function isV2(prefix: string): boolean {
  return existsSync(`${prefix}.index`);
}

/** Whether a prefix is that of a checkpoint of format V1: it is the whole file itself. */
function isV1(prefix: string): boolean {
  return isFile(prefix);
}

/**
 * Opens a checkpoint of either format of TensorFlow's.
 *
 * @throws UserError  naming file and byte offset, when it is missing or damaged
 */
export async function openCheckpoint(prefix: string): Promise<TensorBundle> {
  return !isV2(prefix) && isV1(prefix) ? openCheckpointV1(prefix) : openTensorBundle(prefix);
}

/**
 * Reads all of a checkpoint, whose parts have checksums of their own in either format.
 *
 * @throws UserError  naming file and byte offset, when it is missing, cut short or altered
 */
export async function checkCheckpoint(prefix: string): Promise<void> {
  const { shapes, read } = await openCheckpoint(prefix);
  // Of format V1 all is checked when it is opened.
  if (isV2(prefix)) for (const name of shapes.keys()) await read(name);
  if (shapes.size === 0) throw new UserError(`${prefix}: holds no tensor; expected weights.`);
}

/** The number of steps in a checkpoint's name, or 0: `model.ckpt-100` → 100. */
export function stepOfCheckpoint(prefix: string): number {
  return Number(/-(\d+)$/.exec(prefix)?.[1] ?? 0);
}

/** What the files of a checkpoint end in, behind its prefix. */
const fileEnding = /\.(index|meta|data-\d{5}-of-\d{5})$/;

/** Whether a path is that of one checkpoint, its prefix or a file of it, and not of a folder. */
export function isCheckpoint(path: string): boolean {
  return isV2(path.replace(fileEnding, '')) || isV1(path);
}

/**
 * Resolves what --checkpoint_path was given: a folder, or the file `checkpoint` in it, stands for its
 * latest checkpoint, one of the files of a checkpoint for the whole.
 *
 * @returns  the checkpoint's prefix
 * @throws UsageError  when there is none, naming those beside it
 * @throws UserError  when one lacks a file
 */
export async function resolveCheckpoint(path: string): Promise<string> {
  const prefix = path.replace(fileEnding, '');
  const isState = basename(path) === stateFile && isV1(path);
  if (!isState && (isV2(prefix) || isV1(prefix))) return prefix;
  const latest = await latestCheckpoint(isState ? dirname(path) : path);
  if (latest !== undefined) return latest;
  if (prefix !== path && existsSync(path)) {
    throw new UserError(
      `--checkpoint_path: ${path} is a part of a checkpoint without ${prefix}.index; expected all files of it.`,
    );
  }
  const found = statsOf(path, '--checkpoint_path');
  const isFolder = found?.isDirectory() ?? false;
  const folder = isFolder ? path : dirname(prefix);
  const known = (await unlistedCheckpoints(folder)).map((name) => join(folder, name));
  const expected =
    known.length > 0
      ? `one of ${known.join(', ')}`
      : `a folder with a checkpoint, a prefix such as ${join(path, 'model.ckpt-100')}, or a name of losslens weights list`;
  const what = !found
    ? 'which is not there'
    : !isFolder
      ? 'which is no checkpoint'
      : known.length > 0
        ? 'where the file "checkpoint" names none that is there'
        : 'a folder without a checkpoint';
  throw new UsageError(`--checkpoint_path: got "${path}", ${what}; expected ${expected}.`);
}

/**
 * Reads the checkpoint that a path stands for. A run that goes on deletes its oldest ones: where that takes one away
 * before it is read, the latest one by then is read in its place.
 *
 * @param path  as --checkpoint_path has it
 * @param read  is given the checkpoint's prefix
 * @returns     what it returns
 * @throws what it throws of a checkpoint that is there, and what `resolveCheckpoint` does
 */
export async function readLatest<T>(
  path: string,
  read: (prefix: string) => Promise<T>,
): Promise<T> {
  for (;;) {
    const prefix = await resolveCheckpoint(path);
    try {
      return await read(prefix);
    } catch (error) {
      if (isCheckpoint(prefix)) throw error;
    }
  }
}

/** What is wrong when a save fails, by how far its files were. */
const saveFaults = {
  temporary: 'cannot be saved',
  unlisted: 'cannot be saved',
  listed: 'is there, but a power cut may take it',
  confirmed: 'is there, but not all older ones can be deleted',
};

/**
 * Saves a checkpoint `folder/model.ckpt-STEP`. A crash at any moment leaves a usable one: files get
 * their names only when they are complete, the index after the data, `checkpoint` last, and a checkpoint
 * without an index does not count. The new `checkpoint` lies beside them before the index has its name,
 * for `listKilledCheckpoint`. Where it fails, those before stay, and nothing of this one.
 *
 * @param tensors    by name
 * @param maxToKeep  listed ones beyond it are deleted, oldest first
 * @param id         of the folder: nothing is changed in another one that is in its place
 * @throws WriteError  when it cannot be written, there is no room for it, or something else is wrong once it is there
 * @throws UserError   when the file `checkpoint` cannot be understood
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  maxToKeep: number,
  id?: FolderId,
): Promise<void> {
  const name = `model.ckpt-${step}`;
  const prefix = join(folder, name);
  const listed = (await listWhereReadable(folder, prefix)).filter((other) => other !== prefix);
  const kept = [...listed, prefix].slice(-maxToKeep);
  let files: keyof typeof saveFaults = 'temporary';
  try {
    const final = bundleFiles(prefix);
    if (id) expectSameFolder(folder, id);
    await removeLeftovers(folder).catch(() => {});
    await expectRoom(prefix, bytesOfAll(tensors));
    const temporary = { data: final.data + temporarySuffix, index: final.index + temporarySuffix };
    await writeTensorBundle(temporary, tensors);
    const list = [
      `model_checkpoint_path: ${JSON.stringify(name)}`,
      ...kept.map(
        (path) =>
          `all_model_checkpoint_paths: ${JSON.stringify(dirname(path) === dirname(prefix) ? basename(path) : path)}`,
      ),
      '',
    ];
    const state = join(folder, stateFile);
    await writeDurably(state + temporarySuffix, [list.join('\n')]);
    if (id) expectSameFolder(folder, id);
    // An older one of the same step must not be taken for complete with the new data.
    await rm(final.index, { force: true });
    files = 'unlisted';
    await rename(temporary.data, final.data);
    // A power cut may keep a later name and lose one before it.
    await syncFolder(folder);
    await rename(temporary.index, final.index);
    await syncFolder(folder);
    await rename(state + temporarySuffix, state);
    files = 'listed';
    await syncFolder(folder);
    files = 'confirmed';
    // A copied folder may list the checkpoints of the one that it was copied from.
    const isOurs = (path: string) => dirname(path) === dirname(prefix);
    for (const old of listed.filter((path) => !kept.includes(path) && isOurs(path))) {
      await removeCheckpoint(old);
    }
  } catch (error) {
    if (!id || isSameFolder(folder, id)) {
      // On a full disk what is half-written would keep it full.
      await removeLeftovers(folder).catch(() => {});
      // Without its name in the list, the next start would not know what it is.
      if (files === 'unlisted') await removeCheckpoint(prefix).catch(() => {});
    }
    if (!isOfFiles(error)) throw error;
    const fault = saveFaults[files];
    throw new WriteError(`${prefix}: ${fault} (${reasonOf(error)}).`, { cause: error });
  }
}

/** Those that are listed. @throws WriteError  where the disk does not give the list: it may later */
async function listWhereReadable(folder: string, prefix: string): Promise<string[]> {
  return listCheckpoints(folder).catch((error: Error) => {
    if (!isOfFiles(error.cause)) throw error;
    const { cause } = error;
    throw new WriteError(`${prefix}: cannot be saved (${reasonOf(cause)}).`, { cause });
  });
}

function bytesOfAll(tensors: ReadonlyMap<string, CheckpointTensor>): number {
  return [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** Deletes the files of one checkpoint. */
async function removeCheckpoint(prefix: string): Promise<void> {
  const { index, data } = bundleFiles(prefix);
  for (const file of [index, data]) {
    // Of one that may not be deleted Node's rm says that it is no folder.
    await unlink(file).catch((error) => {
      if (!isMissing(error)) throw error;
    });
  }
}

/** Deletes what a killed run left half-written of checkpoints. The folder has no other writer. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    const isOurs = file.startsWith('model.ckpt-') || file === stateFile + temporarySuffix;
    if (isOurs && file.endsWith(temporarySuffix)) {
      await rm(join(folder, file), { force: true });
    }
  }
}
