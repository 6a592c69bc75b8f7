/** `evaluations.jsonl`: what was evaluated when with which result; --watch goes on from it. */
import { statSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';

const fileName = 'evaluations.jsonl';

/** A checkpoint with the time of its file: another run may save one of the same step again. */
export interface SavedCheckpoint {
  /** Its prefix. */
  readonly checkpoint: string;
  /** Milliseconds since 1970. */
  readonly savedMs: number;
}

/** @returns null when the checkpoint is gone */
export function savedCheckpoint(checkpoint: string): SavedCheckpoint | null {
  const stats = statSync(`${checkpoint}.index`, { throwIfNoEntry: false });
  return stats === undefined ? null : { checkpoint, savedMs: Math.round(stats.mtimeMs) };
}

/** The evaluations that a folder holds. */
export class EvaluationLog {
  readonly #path: string;
  readonly #done: Set<string>;

  private constructor(path: string, done: Set<string>) {
    this.#path = path;
    this.#done = done;
  }

  /** Opens the log of a folder, which need not have one. */
  static async open(folder: string): Promise<EvaluationLog> {
    const path = join(folder, fileName);
    const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw new UserError(`${path}: cannot be read (${error.message}).`);
    });
    const done = new Set<string>();
    for (const line of content.split('\n')) {
      try {
        done.add(EvaluationLog.#key(JSON.parse(line) as SavedCheckpoint));
      } catch {
        // The line of a process that was killed: its checkpoint is evaluated again.
      }
    }
    return new EvaluationLog(path, done);
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
  async add(saved: SavedCheckpoint, record: Readonly<Record<string, unknown>>): Promise<void> {
    this.#done.add(EvaluationLog.#key(saved));
    try {
      await appendFile(this.#path, `${JSON.stringify({ ...saved, ...record })}\n`);
    } catch (error) {
      throw new UserError(`${this.#path}: cannot be written to (${(error as Error).message}).`);
    }
  }
}
