/** Writes event files that stock TensorBoard reads while they grow. */
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { encode, loadProto } from '../protos.ts';
import type { SummaryValue } from './summaries.ts';
import { encodeRecord } from './tfrecord.ts';

/** Summaries of one step. */
export interface SummaryEvent {
  readonly step: number;
  readonly values: readonly SummaryValue[];
}

/** Bytes that are held back at most before they are written. */
const bufferBytes = 1 << 20;

/** The seconds in the name of an event file, or 0. */
function secondsOf(fileName: string): number {
  return Number(/tfevents\.(\d+)\./.exec(fileName)?.[1] ?? 0);
}

/**
 * Creates an event file whose name sorts after those in the folder: readers ignore late files that
 * sort earlier. The exclusive flag keeps two writers of one second apart.
 */
async function createFile(folder: string): Promise<{ path: string; file: FileHandle }> {
  await mkdir(folder, { recursive: true });
  const earlier = (await readdir(folder)).map(secondsOf);
  let seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((s) => s + 1));
  for (;;) {
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.0.v2`;
    const path = join(folder, name);
    try {
      return { path, file: await open(path, 'wx') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      seconds++;
    }
  }
}

/**
 * The writer of one event file. Records are written whole and in the order of the calls; a failed
 * write is reported by the next call.
 */
export class EventWriter {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #eventType = loadProto('event.proto').lookupType('Event');
  readonly #lastSteps = new Map<string, number>();
  #buffered: Buffer[] = [];
  #bufferedBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #failure: UserError | undefined;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /**
   * Begins a new event file with the file version and SessionLog START, from which readers know
   * what a resumed run replaces.
   *
   * @param folder     the run's folder, created where it is missing
   * @param firstStep  first step that will be logged: 0 for a new run, else the checkpoint's plus 1
   * @throws UserError  when the folder cannot be written to
   */
  static async create(folder: string, firstStep: number): Promise<EventWriter> {
    let created: { path: string; file: FileHandle };
    try {
      created = await createFile(folder);
    } catch (error) {
      throw new UserError(`${folder}: cannot hold event files (${(error as Error).message}).`);
    }
    const writer = new EventWriter(created.path, created.file);
    writer.#append({ file_version: 'brain.Event:2' });
    writer.#append({ step: firstStep, session_log: { status: 'START' } });
    await writer.flush();
    return writer;
  }

  /**
   * Appends summaries; they reach the file with the next flush or when enough have gathered.
   *
   * @throws Error      when a tag's step does not grow, or a tag comes twice
   * @throws UserError  when an earlier write failed
   */
  async write({ step, values }: SummaryEvent): Promise<void> {
    this.#throwFailure();
    for (const { tag } of values) {
      const last = this.#lastSteps.get(tag);
      if (last !== undefined && step <= last) {
        throw new Error(`event of tag "${tag}": got step ${step} after step ${last}`);
      }
      this.#lastSteps.set(tag, step);
    }
    this.#append({ step, summary: { value: values } });
    if (this.#bufferedBytes >= bufferBytes) await this.flush();
  }

  /** Appends the graph for the Graphs tab: a serialized GraphDef. */
  async writeGraph(graphDef: Uint8Array): Promise<void> {
    this.#append({ graph_def: graphDef });
    await this.flush();
  }

  /** Hands everything that was appended to the file system. */
  async flush(): Promise<void> {
    if (this.#bufferedBytes > 0) {
      const bytes = Buffer.concat(this.#buffered);
      this.#buffered = [];
      this.#bufferedBytes = 0;
      this.#writing = this.#writing.then(() => this.#writeWhole(bytes));
    }
    await this.#writing;
    this.#throwFailure();
  }

  /** Flushes and closes the file. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file.close();
    }
  }

  #append(event: Record<string, unknown>): void {
    const record = encodeRecord(
      encode(this.#eventType, { wall_time: Date.now() / 1000, ...event }),
    );
    this.#buffered.push(record);
    this.#bufferedBytes += record.length;
  }

  async #writeWhole(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done)).bytesWritten;
      }
    } catch (error) {
      this.#failure = new UserError(
        `${this.path}: cannot be written to (${(error as Error).message}).`,
      );
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
