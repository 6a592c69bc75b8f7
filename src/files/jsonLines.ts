/** Files of JSON lines that grow with a run, and shrink to where a resumed run goes on. */
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { UserError, unreadable, writeError } from '../errors.ts';
import { expectNoPipe } from './expectNoPipes.ts';
import { replaceFileByParts } from './replaceFile.ts';

const lineEnd = 0x0a;
/** Longer lines are none of ours: what is read takes no more memory than a few of them. */
const maxLineBytes = 2 ** 26;
/** Records that are made into text at once. */
const recordsPerPart = 1024;

/** Whether a file of so many bytes ends within a line, as one that somebody else has cut short. */
async function isTorn(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== lineEnd;
}

/**
 * Appends a line for each record. What cannot be written as a whole leaves the file as it was.
 *
 * @throws UserError  when the file cannot be written to
 */
export async function appendJsonLines(path: string, records: readonly unknown[]): Promise<void> {
  if (records.length === 0) return;
  try {
    await expectNoPipe(path);
    const file = await open(path, 'a+');
    try {
      const { size } = await file.stat();
      try {
        if (await isTorn(file, size)) await file.appendFile('\n');
        for (let first = 0; first < records.length; first += recordsPerPart) {
          const part = records.slice(first, first + recordsPerPart);
          await file.appendFile(part.map((record) => `${JSON.stringify(record)}\n`).join(''));
        }
        // A checkpoint that outlives a power failure counts on the lines before it.
        await file.datasync();
      } catch (error) {
        // The disk may fail here, too: then a torn line is left, which readers leave out.
        await file.truncate(size).catch(() => {});
        throw error;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw writeError(path, error);
  }
}

/** A line of a file, without its end, and the bytes that it takes there with it. */
interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Not so of a last line that was torn. */
  readonly isEnded: boolean;
}

/** The lines of a file of any length, the empty ones too. */
async function* linesOf(path: string): AsyncGenerator<Line, void, undefined> {
  /** What the chunks so far hold of the line that begins at `start`. */
  let parts: Buffer[] = [];
  let start = 0;
  let heldBytes = 0;
  const hold = (part: Buffer) => {
    heldBytes += part.length;
    if (heldBytes > maxLineBytes) {
      throw new UserError(
        `${path}, byte ${start}: begins a line of more than ${maxLineBytes} bytes; expected JSON lines.`,
      );
    }
    parts.push(part);
  };
  const line = (isEnded: boolean): Line => {
    const bytes = Buffer.concat(parts);
    const end = start + bytes.length + (isEnded ? 1 : 0);
    return { text: bytes.toString('utf8'), start, end, isEnded };
  };
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let to = chunk.indexOf(lineEnd); to >= 0; to = chunk.indexOf(lineEnd, from)) {
        hold(chunk.subarray(from, to));
        const ended = line(true);
        yield ended;
        parts = [];
        heldBytes = 0;
        start = ended.end;
        from = to + 1;
      }
      if (from < chunk.length) hold(chunk.subarray(from));
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (parts.length > 0) yield line(false);
}

/** The record in a line; undefined of one that was torn. */
function recordIn({ text }: Line): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The records of a file in turn, but for torn ones; none of a file that is not there. */
export async function* readJsonLines(path: string): AsyncGenerator<unknown, void, undefined> {
  if (!existsSync(path)) return;
  for await (const line of linesOf(path)) {
    const record = recordIn(line);
    if (record !== undefined) yield record;
  }
}

interface ByteRange {
  readonly start: number;
  end: number;
}

async function* bytesIn(path: string, ranges: readonly ByteRange[]) {
  for (const { start, end } of ranges) yield* createReadStream(path, { start, end: end - 1 });
}

/**
 * Drops the records of steps that are done again, and a line that was torn. A file that is not
 * there is left so; one that has another name, too, as in a copy by hard links, is left to that.
 *
 * @param step  steps done: a record of a later `step` goes
 * @throws UserError  when the file cannot be read or written to
 */
export async function dropLinesAfter(path: string, step: number): Promise<void> {
  if (!existsSync(path)) return;
  const kept: ByteRange[] = [];
  let size = 0;
  let isEnded = true;
  for await (const line of linesOf(path)) {
    size = line.end;
    const record = recordIn(line) as { readonly step?: number } | undefined;
    if (!((record?.step ?? Number.NaN) <= step)) continue;
    isEnded = line.isEnded;
    const last = kept.at(-1);
    if (last?.end === line.start) last.end = line.end;
    else kept.push({ start: line.start, end: line.end });
  }
  const [head = { start: 0, end: 0 }, ...others] = kept;
  try {
    const { nlink } = await stat(path);
    // Most often the end goes: that needs no free space on the disk.
    if (head.start > 0 || others.length > 0 || nlink > 1) {
      const bytes = kept.reduce((sum, { start, end }) => sum + end - start, 0);
      await replaceFileByParts(path, bytesIn(path, kept), bytes);
    } else if (head.end < size) await truncate(path, head.end);
    if (!isEnded) await appendFile(path, '\n');
  } catch (error) {
    throw writeError(path, error);
  }
}
