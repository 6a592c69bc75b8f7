/** Event files, of this and of other programs. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EventWriter } from '../../src/events/eventWriter.ts';
import { insertSummaries } from '../../src/events/insertSummaries.ts';
import { eventFiles, lastStepOf, readEvents } from '../../src/events/readEvents.ts';
import { scalarSummary, textSummary } from '../../src/events/summaries.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { encodeRecord } from '../../src/files/tfrecord.ts';
import type { Format } from './hostile.ts';

const fileName = 'events.out.tfevents.1700000000.host.1.0.v2';

async function makeEvents(folder: string): Promise<string> {
  const writer = await EventWriter.create(folder, 0);
  await writer.write({ step: 1, values: [scalarSummary('loss', 1), textSummary('text', 'a')] });
  await writer.write({ step: 2, values: [scalarSummary('loss', 2)] });
  await writer.close();
  return eventFiles(folder)[0]!;
}

async function writeAlone(folder: string, input: Buffer): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name));
  await writeFile(join(folder, fileName), input);
}

/** What a resumed run and an evaluation do with the events that are there. */
async function goOn(folder: string): Promise<void> {
  lastStepOf(folder, 'loss');
  const writer = await EventWriter.create(folder, 2);
  await writer.close();
  await insertSummaries(folder, { step: 1, values: [scalarSummary('eval', 1)] });
}

/** By how much of a file is changed. */
export const eventFormats: readonly Format[] = [
  {
    name: 'event file',
    // Torn files are read up to there, as TensorBoard does: seldom is there an error.
    isRefusedSeldom: true,
    open: async (folder) => {
      const bytes = await readFile(await makeEvents(folder));
      return {
        samples: [bytes],
        read: async (input) => {
          await writeAlone(folder, input);
          for (const _ of readEvents(folder));
        },
      };
    },
  },
  {
    name: 'event',
    // Each makes three files.
    maxInputs: 250,
    isRefusedSeldom: true,
    open: async (folder) => {
      const payloads = Array.from(readRecords(await makeEvents(folder)), ({ payload }) => payload);
      return {
        samples: payloads.map((payload) => Buffer.from(payload)),
        read: async (input) => {
          await writeAlone(
            folder,
            Buffer.concat([encodeRecord(payloads[2]!), encodeRecord(input)]),
          );
          await goOn(folder);
        },
      };
    },
  },
];
