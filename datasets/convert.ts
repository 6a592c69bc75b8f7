/** Writes data sets as TF-Slim's TFRecords and as image folders. */
import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOfFiles, UserError, writeError } from '../src/errors.ts';
import { makeFolder } from '../src/files/makeFolder.ts';
import { replaceFile } from '../src/files/replaceFile.ts';
import { encodeRecord } from '../src/files/tfrecord.ts';
import { type Image, type ImageDataset, imagesOf } from './dataset.ts';
import { encodeExample } from './formats/example.ts';
import { tfrecordFile } from './formats/tfrecordDataset.ts';
import { encodePng } from './images/encodePng.ts';
import { classNamesFile, formatClassNames } from './labels/classNames.ts';

/** What a split is written as. */
export interface ConvertOptions {
  readonly folder: string;
  /** Is told of the items that are written, from 0 to all. */
  readonly onProgress?: ((items: number) => void) | undefined;
  /** Ends it; of the split that is being written nothing stays. */
  readonly signal?: AbortSignal | undefined;
}

/** An item with its image compressed. */
interface EncodedItem {
  readonly itemIndex: number;
  readonly image: Image;
  readonly png: Buffer;
}

/** Images that are compressed at a time. */
const encodedAtATime = 32;

/** Gives the images as PNG in the order of their items. @throws the signal's reason, when it is aborted */
async function* encodedImages(
  dataset: ImageDataset,
  { onProgress, signal }: ConvertOptions,
): AsyncGenerator<EncodedItem, void, undefined> {
  let done = 0;
  let pending: Promise<EncodedItem>[] = [];
  const encode = async (itemIndex: number, image: Image) => ({
    itemIndex,
    image,
    png: await encodePng(image),
  });
  onProgress?.(0);
  for await (const { itemIndex, image } of imagesOf(dataset)) {
    signal?.throwIfAborted();
    pending.push(encode(itemIndex, image));
    if (pending.length < encodedAtATime && done + pending.length < dataset.items.length) continue;
    yield* await Promise.all(pending);
    done += pending.length;
    pending = [];
    onProgress?.(done);
  }
}

function expectNew(path: string): void {
  if (existsSync(path)) {
    throw new UserError(`${path}: exists already; expected a new file. Remove it first.`);
  }
}

/**
 * Writes a split as TFRecords of TF-Slim's Examples, images as PNG: NAME_SPLIT.tfrecord, or shards
 * that each have a part of the items in order; and labels.txt. Files appear when they are complete.
 *
 * @throws UserError  when one exists already, or a class has a name that labels.txt cannot have
 * @throws the signal's reason, when it is aborted before they are complete
 */
export async function writeTfrecords(
  dataset: ImageDataset,
  options: ConvertOptions & { readonly numShards: number },
): Promise<void> {
  const { folder, numShards } = options;
  const labelsText = formatClassNames(dataset.classNames);
  await makeFolder(folder);
  const { name, split, items } = dataset;
  const paths = Array.from({ length: numShards }, (_, shard) =>
    join(folder, tfrecordFile(name, split, shard, numShards)),
  );
  paths.forEach(expectNew);
  const temporary = (shard: number) => `${paths[shard]}.tmp`;
  let file: FileHandle | undefined;
  try {
    let shard = -1;
    let written = 0;
    for await (const { itemIndex, image, png } of encodedImages(dataset, options)) {
      while (Math.floor((written * numShards) / items.length) > shard) {
        await file?.close();
        file = await open(temporary(++shard), 'w');
      }
      const { width, height } = image;
      const example = { encoded: png, label: dataset.labels[itemIndex]! };
      const details = { format: 'png' as const, height, width };
      // `write` may write a part and say nothing.
      await file!.writeFile(encodeRecord(encodeExample(example, details)));
      written++;
    }
    while (++shard < numShards) await (await open(temporary(shard), 'w')).close();
    await file?.close();
    await replaceFile(join(folder, classNamesFile), labelsText);
    for (const [i, path] of paths.entries()) await rename(temporary(i), path);
  } catch (error) {
    await file?.close().catch(() => {});
    for (const shard of paths.keys()) await rm(temporary(shard), { force: true });
    throw isOfFiles(error) ? writeError(folder, error) : error;
  }
}

/**
 * Writes a split as SPLIT/CLASS/NUMBER.png, numbered as its items, and labels.txt. The split's
 * folder appears when it is complete.
 *
 * @throws UserError  when it exists already, or a class has a name that no folder or labels.txt can
 *                    have
 * @throws the signal's reason, when it is aborted before it is complete
 */
export async function writeImageFolder(
  dataset: ImageDataset,
  options: ConvertOptions,
): Promise<void> {
  const { folder } = options;
  const path = join(folder, dataset.split);
  expectNew(path);
  const labelsText = formatClassNames(dataset.classNames);
  const wrong = dataset.classNames.find((name) => /[/\\\0]|^\./.test(name));
  if (wrong !== undefined) {
    throw new UserError(`class "${wrong}": no folder can have this name; rename it first.`);
  }
  // Hidden, so that what a crash leaves is not taken for a split.
  const temporary = join(folder, `.${dataset.split}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    const present = new Set(Array.from(dataset.items, (itemIndex) => dataset.labels[itemIndex]!));
    for (const label of present) {
      await makeFolder(join(temporary, dataset.classNames[label]!));
    }
    const digits = Math.max(5, String(dataset.size - 1).length);
    for await (const { itemIndex, png } of encodedImages(dataset, options)) {
      const className = dataset.classNames[dataset.labels[itemIndex]!]!;
      const file = `${String(itemIndex).padStart(digits, '0')}.png`;
      await writeFile(join(temporary, className, file), png);
    }
    await replaceFile(join(folder, classNamesFile), labelsText);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw isOfFiles(error) ? writeError(folder, error) : error;
  }
}
