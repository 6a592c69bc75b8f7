/** What TensorFlow's reader and TensorBoard's event accumulator find in event files. */
import { runPython } from '../python.ts';

/** A summary value as TensorFlow reads it. */
export interface ReadValue {
  readonly tag: string;
  readonly plugin: string;
  /** Of scalars. */
  readonly value?: number;
  /** Type and rank of scalars. */
  readonly type?: readonly [string, number];
  /** Of each image. */
  readonly sha256?: readonly string[];
  /** Width and height of images in pixels. */
  readonly size?: readonly [number, number];
}

/** A record as TensorFlow reads it. */
export interface ReadRecord {
  /** Number of its file in the folder, from 0. */
  readonly file: number;
  readonly wallTime: number;
  readonly step: number;
  readonly kind: string;
  readonly values: readonly ReadValue[];
}

/** What both readers find in a folder. */
export interface ReadFolder {
  readonly records: readonly ReadRecord[];
  /** Values that the accumulator keeps, by tag. */
  readonly kept: Readonly<Record<string, number>>;
  readonly hasGraph: boolean;
}

/** Reads folders; each record's checksums are checked on the way. */
export function readWithTensorFlow(...folders: readonly string[]): ReadFolder[] {
  return runPython('read_events.py', ...folders) as ReadFolder[];
}
