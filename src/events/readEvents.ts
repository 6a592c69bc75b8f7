/** Reads back what a run's folder holds, as TensorBoard does: file by file, up to a torn end. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { readRecords, type TfRecord } from '../files/recordReader.ts';
import type { Event } from '../messages.ts';
import { messageType } from '../protos.ts';
import type { SummaryValue } from './summaries.ts';

const eventType = messageType('event.proto', 'Event');

/** An event of a file: one of `summary` and `graph_def`, or what only its writer needs. */
export interface LoggedEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly values: readonly SummaryValue[];
  readonly hasGraph: boolean;
}

/** Event files of a folder in the order in which readers take them. */
export function eventFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.includes('tfevents'))
    .sort()
    .map((name) => join(folder, name));
}

/** @throws UserError  when a record holds something else */
function decodeEvent(path: string, { payload, payloadOffset }: TfRecord): LoggedEvent {
  let event: Event;
  try {
    event = eventType.decode(payload);
  } catch (error) {
    throw new UserError(
      `${path}, byte ${payloadOffset}: is no event (${(error as Error).message}).`,
    );
  }
  const { wall_time: wallTime = 0, step = 0, summary, graph_def: graphDef } = event;
  const values: SummaryValue[] = [];
  for (const { tag, tensor, metadata } of summary?.value ?? []) {
    // What other programs log need not have them.
    if (tag !== undefined && tensor !== undefined && metadata !== undefined) {
      values.push({ tag, tensor, metadata });
    }
  }
  return { wallTime, step, values, hasGraph: graphDef !== undefined };
}

/**
 * The events of a folder's files in turn. A file whose writer was killed may end within a record:
 * its events up to there count, as they do for TensorBoard.
 */
export function* readEvents(folder: string): Generator<LoggedEvent, void, undefined> {
  for (const path of eventFiles(folder)) {
    try {
      for (const record of readRecords(path)) yield decodeEvent(path, record);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
}

/** The last step that a folder's files hold of a tag; undefined before its first. */
export function lastStepOf(folder: string, tag: string): number | undefined {
  let last: number | undefined;
  for (const { step, values } of readEvents(folder)) {
    if (values.some((value) => value.tag === tag)) last = step;
  }
  return last;
}
