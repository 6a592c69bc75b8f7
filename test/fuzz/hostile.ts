/** The promise that every reader keeps, whatever it is given, and how it is tried. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.ts';
import { applyEdits, edits } from './mutations.ts';
import { watched } from './watchdog.ts';

/** A format that is read, ready to be tried in a folder. */
export interface Opened {
  /** Intact input, of which changed copies are made: all of it is read without an error. */
  readonly samples: readonly Buffer[];
  /** Has the reader read all of an input. */
  readonly read: (input: Buffer) => Promise<unknown>;
  /** What a message has to name; by default the folder. */
  readonly names?: string;
}

/** A format that is read. */
export interface Format {
  readonly name: string;
  readonly open: (folder: string) => Promise<Opened>;
  /** Inputs that are tried at most in one run of the tests, of a reader that takes long. */
  readonly maxInputs?: number;
  /** Whether the reader leaves out what is damaged, so that there may be no error at all. */
  readonly isRefusedSeldom?: boolean;
}

/** What came of trying a format. */
export interface Tried {
  readonly format: string;
  /** Inputs. */
  readonly inputs: number;
  /** Inputs that got an error which says what is wrong; the others could be read. */
  readonly refused: number;
  /** Of the input that took longest. */
  readonly slowestMs: number;
  /** How to see the failure again, and what it was; undefined for none. */
  readonly failure: string | undefined;
}

/** All inputs are small files: one whose reading takes the processor longer is a fault. What waits, the watchdog ends. */
const maxMs = 5000;
/** Messages are lines for people. */
const maxMessageLength = 4000;

/** @throws AssertionError  unless it is an error of one clear line that names the file */
function expectClear(error: unknown, names: string): void {
  assert.ok(error instanceof UserError, error as Error);
  const { message } = error;
  assert.ok(message.includes(names), `names no file: ${message.slice(0, maxMessageLength)}`);
  assert.match(message, /\S.{10,}[.?)]$/s);
  assert.ok(message.length <= maxMessageLength, `${message.length} characters`);
}

/** Tries a format with inputs that a seed decides on. */
export async function tryFormat(format: Format, seed: number, runs: number): Promise<Tried> {
  const folder = await mkdtemp(join(tmpdir(), 'losslens-fuzz-'));
  try {
    const { samples, read, names = folder } = await format.open(folder);
    for (const sample of samples) await read(sample);
    let inputs = 0;
    let refused = 0;
    let slowestMs = 0;
    const property = fc.asyncProperty(
      fc.nat(samples.length - 1),
      edits,
      async (sample, changes) => {
        const input = applyEdits(samples[sample]!, changes);
        inputs++;
        const start = process.cpuUsage();
        try {
          await watched(`${format.name}, seed ${seed}`, () => read(input));
        } catch (error) {
          expectClear(error, names);
          refused++;
        }
        const { user, system } = process.cpuUsage(start);
        const ms = (user + system) / 1000;
        slowestMs = Math.max(slowestMs, ms);
        assert.ok(ms < maxMs, `${ms} ms`);
      },
    );
    const details = await fc.check(property, { seed, numRuns: runs });
    const { errorInstance } = details;
    const failure = details.failed
      ? `${fc.defaultReportMessage(details)}\n${(errorInstance as Error | null)?.stack ?? errorInstance}`
      : undefined;
    return { format: format.name, inputs, refused, slowestMs, failure };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The largest amount of memory that the process has had so far, in bytes. */
export function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** More than reading all these small files takes, one after the other. */
const maxGrowthBytes = 384 * 2 ** 20;
/** The same inputs in each run of the tests. */
const testSeed = 20260417;
/** Of each format; more of them begin with the same ones. */
const inputsAsked = Number(process.env['LOSSLENS_FUZZ_INPUTS'] ?? 250);

/** Declares a test for each format. */
export function testFormats(formats: readonly Format[]): void {
  for (const format of formats) {
    test(`${format.name}: changed input is read or refused with a clear line`, async (t) => {
      const before = peakBytes();
      const inputs = Math.min(inputsAsked, format.maxInputs ?? Number.POSITIVE_INFINITY);
      const tried = await tryFormat(format, testSeed, inputs);
      t.diagnostic(
        `${tried.refused} of ${tried.inputs} refused, the slowest took ${Math.round(tried.slowestMs)} ms`,
      );
      assert.equal(tried.failure, undefined);
      assert.ok(tried.refused > 0 || format.isRefusedSeldom);
      const growth = peakBytes() - before;
      assert.ok(growth < maxGrowthBytes, `took ${growth} bytes`);
    });
  }
}
