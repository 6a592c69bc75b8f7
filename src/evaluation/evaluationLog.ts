/** `evaluations.jsonl`: what was evaluated when with which result; --watch goes on from it. */
import { basename, join } from 'node:path';
import { dropLinesAfter, readJsonLines } from '../files/jsonLines.ts';
import { type OnShrunk, RecordFile } from '../files/recordFile.ts';
import { statsOf } from '../files/statsOf.ts';

const fileName = 'evaluations.jsonl';

/** A checkpoint with the time of its file: another run may save one of the same step again. */
export interface SavedCheckpoint {
  /** Its prefix. */
  readonly checkpoint: string;
  /** Milliseconds since 1970. */
  readonly savedMs: number;
}

/**
 * Looks at a checkpoint of format V2, whose index has its time, or V1, which is one file.
 *
 * @returns  null when it is gone
 * @throws UserError  when the disk does not say
 */
export function savedCheckpoint(checkpoint: string): SavedCheckpoint | null {
  const stats = statsOf(`${checkpoint}.index`) ?? statsOf(checkpoint);
  return stats === undefined ? null : { checkpoint, savedMs: Math.round(stats.mtimeMs) };
}

/** The evaluations that a folder holds. */
export class EvaluationLog {
  readonly #file: RecordFile;
  readonly #done: Set<string>;

  private constructor(file: RecordFile, done: Set<string>) {
    this.#file = file;
    this.#done = done;
  }

  /**
   * Opens the log of a folder, which need not have one.
   *
   * @param onShrunk  is told of lines that somebody takes away meanwhile
   */
  static async open(folder: string, onShrunk: OnShrunk = () => {}): Promise<EvaluationLog> {
    const path = join(folder, fileName);
    // The line of a process that was killed goes: its checkpoint is evaluated again.
    await dropLinesAfter(path, Number.POSITIVE_INFINITY);
    const done = new Set<string>();
    for await (const record of readJsonLines(path)) {
      const saved = record as SavedCheckpoint;
      if (typeof saved.checkpoint === 'string') done.add(EvaluationLog.#key(saved));
    }
    const file = new RecordFile(path, onShrunk);
    file.keep();
    return new EvaluationLog(file, done);
  }

  static #key({ checkpoint, savedMs }: SavedCheckpoint): string {
    // Its folder may be named from another working directory.
    return `${savedMs} ${basename(checkpoint)}`;
  }

  /** Whether a checkpoint was evaluated as it is. */
  holds(saved: SavedCheckpoint): boolean {
    return this.#done.has(EvaluationLog.#key(saved));
  }

  /** Adds an evaluation. */
  async add(
    saved: SavedCheckpoint,
    record: Readonly<Record<string, unknown>> & { readonly step: number },
  ): Promise<void> {
    this.#done.add(EvaluationLog.#key(saved));
    await this.#file.append([{ ...saved, ...record }]);
  }
}
