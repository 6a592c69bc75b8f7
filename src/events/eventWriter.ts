/** Writes event files that stock TensorBoard reads while they grow. */
import { type FileHandle, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing, reasonOf, UserError, WriteError } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { type FolderId, folderId, isSameFolder } from '../files/sameFolder.ts';
import type { Event } from '../messages.ts';
import { messageType } from '../protos.ts';
import { createEventFile } from './createEventFile.ts';
import { readEvents } from './readEvents.ts';
import { pluginOf, SeriesOfTags } from './series.ts';
import type { SummaryValue } from './summaries.ts';
import { WaitingRecords } from './waitingRecords.ts';

/** Summaries of one step. */
export interface SummaryEvent {
  readonly step: number;
  readonly values: readonly SummaryValue[];
  /** Seconds since 1970; by default now. */
  readonly wallTime?: number;
}

/**
 * Is told of events that the disk had no room for, each time that some could not be written; of none where it took
 * them, and they may be lost all the same. The writer then goes on with the next ones.
 */
export type OnLostEvents = (error: WriteError, events: number) => void;

/** Bytes that wait for the disk at most before `write` holds its caller back. */
const maxWaitingBytes = 1 << 20;

/** What a writer may do otherwise. */
interface EventWriterOptions {
  /** Size of a file from which on what follows goes to another one. */
  readonly maxFileBytes: number;
  /** Milliseconds after which it is looked, before the next write, whether the file is as it was left. */
  readonly lookIntervalMs: number;
}

const defaults: EventWriterOptions = { maxFileBytes: 2 ** 29, lookIntervalMs: 1000 };

/**
 * Why a value cannot be logged: TensorBoard would drop it without a word, or it would destroy another
 * series; undefined when it can.
 */
function faultOf(step: number, value: SummaryValue, series: SeriesOfTags): string | undefined {
  const { tag, tensor } = value;
  if (!Number.isSafeInteger(step) || step < 0) return `got step ${step}; expected a whole number`;
  const plugin = pluginOf(value);
  if (plugin === '') return 'got no plugin; expected one in its metadata';
  // Tags are one namespace over all plugins of a run.
  const other = series.plugin(tag) ?? plugin;
  if (other !== plugin) return `got a value of ${plugin} after one of ${other}`;
  const last = series.lastStep(tag);
  if (last !== undefined && step <= last) return `got step ${step} after step ${last}`;
  if (tensor.tensor_shape === undefined) return 'got a tensor without shape';
  return plugin === 'scalars' && tensor.dtype !== 'DT_FLOAT'
    ? `got a scalar of ${String(tensor.dtype)}; expected DT_FLOAT`
    : undefined;
}

/**
 * The writer of a run's events, to one file after the other. Each record goes to the file system as soon as the one before it
 * is there, whole and in the order of the calls: what was logged survives the end of the process,
 * and live readers see it at once. A failed write is told to `onLost`; without one the next call
 * reports it.
 */
export class EventWriter {
  #path: string;
  #file: FileHandle;
  readonly #options: EventWriterOptions;
  readonly #eventType = messageType('event.proto', 'Event');
  /** Over all files of the folder. */
  readonly #series: SeriesOfTags;
  #onLost: OnLostEvents | undefined;
  #hasGraph: boolean;
  /** In which the file was made. */
  readonly #folder: FolderId;
  /** Whether what is written to the file is lost: it has no name any more, or the system has given it up. */
  #isLost = false;
  #waiting = new WaitingRecords();
  /** Those that are being written. */
  #leaving = new WaitingRecords();
  /** Wall time of the first event that waits. */
  #waitingSince = 0;
  #lookedAtMs = performance.now();
  /** Bytes in the file, all of whole records. */
  #fileBytes = 0;
  /** Settled when nothing waits any more; never rejected. */
  #writing: Promise<void> | undefined;
  #failure: WriteError | undefined;

  private constructor(
    { path, file }: { path: string; file: FileHandle },
    options: EventWriterOptions,
    series: SeriesOfTags,
    hasGraph: boolean,
  ) {
    this.#path = path;
    this.#file = file;
    this.#folder = folderId(dirname(path));
    this.#options = options;
    this.#series = series;
    this.#hasGraph = hasGraph;
  }

  /**
   * Begins a new event file with the file version and SessionLog START, from which readers know
   * what a resumed run replaces: all that earlier files hold from its step on.
   *
   * @param folder     the run's folder, created where it is missing; it has one writer at a time
   * @param firstStep  first step that will be logged: 0 for a new run, else the checkpoint's plus 1
   * @param onLost     by default a write that fails is reported by the call after it
   * @throws UserError  when the folder cannot be written to
   */
  static async create(
    folder: string,
    firstStep: number,
    onLost?: OnLostEvents,
    given: Partial<EventWriterOptions> = {},
  ): Promise<EventWriter> {
    try {
      await makeFolder(folder);
      const series = new SeriesOfTags();
      let hasGraph = false;
      for (const event of readEvents(folder)) {
        for (const value of event.values) series.add(event.step, value);
        hasGraph ||= event.hasGraph;
      }
      series.dropFrom(firstStep);
      // A start at step 0 has readers drop the graph, too, which is logged at step 0.
      hasGraph &&= firstStep > 0;
      const created = await createEventFile(folder);
      const writer = new EventWriter(created, { ...defaults, ...given }, series, hasGraph);
      try {
        writer.#append({ step: firstStep, session_log: { status: 'START' } });
        await writer.flush();
      } catch (error) {
        await created.file.close();
        await rm(created.path, { force: true });
        throw error;
      }
      writer.#onLost = onLost;
      return writer;
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new WriteError(`${folder}: cannot hold event files (${reasonOf(error)}).`);
    }
  }

  /** The file that is written to. */
  get path(): string {
    return this.#path;
  }

  /**
   * Values of the tag that has most, by plugin and over all files of the folder: what TensorBoard's
   * --samples_per_plugin has to be for it to show all.
   */
  get longestSeries(): Readonly<Record<string, number>> {
    return this.#series.longest();
  }

  /** The last step of a tag over all files of the folder; undefined before its first. */
  lastStep(tag: string): number | undefined {
    return this.#series.lastStep(tag);
  }

  /** Whether a value can be logged: one of another program's need not be one that TensorBoard shows. */
  takes(step: number, value: SummaryValue): boolean {
    return faultOf(step, value, this.#series) === undefined;
  }

  /**
   * Appends summaries.
   *
   * @throws Error      when a tag's step does not grow, a tag comes twice or belongs to another
   *                    plugin, or a value is none that TensorBoard shows
   * @throws UserError  when an earlier write failed
   */
  async write({ step, values, wallTime }: SummaryEvent): Promise<void> {
    this.#throwFailure();
    for (const value of values) {
      const fault = faultOf(step, value, this.#series);
      if (fault !== undefined) throw new Error(`event of tag "${value.tag}": ${fault}`);
      this.#series.add(step, value);
    }
    this.#append({
      step,
      summary: { value: values },
      ...(wallTime === undefined ? {} : { wall_time: wallTime }),
    });
    while (this.#waiting.byteLength + this.#leaving.byteLength >= maxWaitingBytes) {
      await this.#writing;
    }
  }

  /**
   * Appends the graph for the Graphs tab: a serialized GraphDef. A run has one graph, so nothing is
   * appended where an earlier file of the folder holds it.
   */
  async writeGraph(graphDef: Uint8Array): Promise<void> {
    if (this.#hasGraph) return;
    this.#hasGraph = true;
    this.#append({ graph_def: graphDef });
    await this.flush();
  }

  /** Resolves when everything that was appended is with the file system. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#throwFailure();
  }

  /**
   * Resolves when everything that was appended outlives a power failure too. Where somebody has deleted the file, what
   * comes next goes to another one, unless its folder is gone, too.
   */
  async sync(): Promise<void> {
    await this.flush();
    const unconfirmed = await this.#file.datasync().then(
      () => undefined,
      (error: Error) => error,
    );
    await this.#look();
    if (unconfirmed !== undefined && !this.#isLost) this.#failToConfirm(unconfirmed);
    this.#throwFailure();
  }

  /** Closes the file once everything that was appended outlives a power failure. */
  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      await this.#file.close().catch((error) => this.#failToConfirm(error));
    }
    this.#throwFailure();
  }

  /** Whether its folder is still where it was. */
  get #hasFolder(): boolean {
    return isSameFolder(dirname(this.#path), this.#folder);
  }

  /** Finds out whether what is written to the file is lost, and tells it. */
  async #look(): Promise<void> {
    this.#lookedAtMs = performance.now();
    if (this.#isLost || this.#onLost === undefined) return;
    const fault = await this.#findFault();
    // Who synchronises and who writes may both look.
    if (fault === undefined || this.#isLost) return;
    this.#isLost = true;
    const fate = this.#hasFolder
      ? `${fault}; the log goes on in another file`
      : 'was moved or deleted with its folder; what is logged does not come back to it';
    this.#onLost(new WriteError(`${this.#path}: ${fate}.`), 0);
  }

  /** What has become of the file, where it lacks its name or what was written to it; undefined where the system does not say. */
  async #findFault(): Promise<string | undefined> {
    const bytes = this.#fileBytes;
    try {
      const found = await stat(this.#path);
      const written = await this.#file.stat().catch(reasonOf);
      const isGivenUp = typeof written === 'string';
      const isSame = isGivenUp || (found.dev === written.dev && found.ino === written.ino);
      if (!isSame) return 'was deleted or moved';
      // A network drive may lose what it took when it loses its connection.
      if (found.size < bytes) return `was cut short by ${bytes - found.size} of ${bytes} bytes`;
      return isGivenUp ? `takes no more (${written})` : undefined;
    } catch (error) {
      return isMissing(error) ? 'was deleted or moved' : undefined;
    }
  }

  /** @param wallTime  seconds since 1970, where the event has none of its own */
  #addRecord(records: WaitingRecords, event: Event, wallTime: number): void {
    const timed = { wall_time: wallTime, ...event };
    records.add((reserve) => this.#eventType.encode(timed, reserve));
  }

  #append(event: Event): void {
    const wallTime = Date.now() / 1000;
    if (this.#waiting.count === 0) this.#waitingSince = wallTime;
    this.#addRecord(this.#waiting, event, wallTime);
    this.#writing ??= this.#writeWaiting();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.count > 0) {
      const records = this.#waiting;
      const since = this.#waitingSince;
      this.#waiting = this.#leaving;
      this.#leaving = records;
      const { maxFileBytes, lookIntervalMs } = this.#options;
      if (performance.now() - this.#lookedAtMs >= lookIntervalMs) await this.#look();
      if (this.#isLost || this.#fileBytes >= maxFileBytes) await this.#rotate();
      await this.#writeWhole(records, since);
      records.clear();
    }
    this.#writing = undefined;
  }

  /**
   * Goes on in a new file. The one before is complete by then, as readers look into it no more once
   * they see the next. No SessionLog START follows: readers would drop what they hold from its step
   * on. Where no file can be made, or another folder is in the place of the log's, the one before grows on.
   *
   * What an interrupted network drive has given up stays so, while other files can be made once it is back.
   */
  async #rotate(): Promise<void> {
    const full = this.#file;
    try {
      if (!this.#isLost) await full.datasync();
      if (!this.#hasFolder) return;
      const { path, file } = await createEventFile(dirname(this.#path));
      this.#path = path;
      this.#file = file;
      this.#fileBytes = 0;
      this.#isLost = false;
    } catch {
      return;
    }
    await full.close().catch(() => {});
  }

  /** @param since  wall time of the first of them: that of a new file, whose first record is none later */
  async #writeWhole(events: WaitingRecords, since: number): Promise<void> {
    if (this.#failure !== undefined) return;
    const version = new WaitingRecords();
    const isNew = this.#fileBytes === 0;
    if (isNew) this.#addRecord(version, { file_version: 'brain.Event:2' }, since);
    const bytes = isNew ? Buffer.concat([version.bytes, events.bytes]) : events.bytes;
    let done = 0;
    try {
      while (done < bytes.length) {
        done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten;
      }
      this.#fileBytes += done;
    } catch (error) {
      const written = events.within(done - version.byteLength);
      this.#fileBytes += version.within(done).byteLength + written.byteLength;
      const problem = `cannot be written to (${reasonOf(error)}). What it holds is whole`;
      this.#fail(problem, events.count - written.count);
      // What is left of the record that the disk had no room for; a reader waits for its end.
      await this.#file.truncate(this.#fileBytes).catch(() => {
        this.#isLost = true;
      });
    }
  }

  #failToConfirm(error: unknown): void {
    const problem = `is not confirmed by the disk (${reasonOf(error)}): a power cut may take what came since the last checkpoint`;
    this.#fail(problem, 0);
  }

  #fail(problem: string, lostEvents: number): void {
    const message = `${this.#path}: ${problem}`;
    if (this.#onLost !== undefined) {
      this.#onLost(new WriteError(`${message}.`), lostEvents);
      return;
    }
    this.#failure ??= new WriteError(
      `${message}; free some space and start the same command again to go on from the latest checkpoint.`,
    );
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
