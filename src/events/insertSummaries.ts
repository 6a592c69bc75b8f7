/** Adds a step to a log that holds later ones already. */
import { existsSync } from 'node:fs';
import { EventWriter, type SummaryEvent } from './eventWriter.ts';
import { readEvents } from './readEvents.ts';

/**
 * Writes summaries to a run's folder so that they take their place in the series: TensorBoard drops
 * what it holds of later steps when it meets an earlier one, so these are logged again behind it.
 * Values of the same tag and step are replaced.
 *
 * @throws UserError  when the folder cannot be written to
 */
export async function insertSummaries(
  folder: string,
  { step, values }: SummaryEvent,
): Promise<void> {
  const replaced = new Set(values.map(({ tag }) => tag));
  // By tag, the events that still count: one takes the place of those from its step on.
  const later = new Map<string, SummaryEvent[]>();
  for (const event of existsSync(folder) ? readEvents(folder) : []) {
    for (const value of event.values) {
      const kept = (later.get(value.tag) ?? []).filter((other) => other.step < event.step);
      if (event.step > step || (event.step === step && !replaced.has(value.tag))) {
        kept.push({ ...event, values: [value] });
      }
      later.set(value.tag, kept);
    }
  }
  const writer = await EventWriter.create(folder, step);
  try {
    await writer.write({ step, values });
    for (const event of [...later.values()].flat().sort((a, b) => a.step - b.step)) {
      if (event.values.every((value) => writer.takes(event.step, value))) await writer.write(event);
    }
  } finally {
    await writer.close();
  }
}
