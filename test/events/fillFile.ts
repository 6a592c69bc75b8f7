/** Writes texts to a log without end: `node fillFile.js FOLDER`. Prints the error that ends it. */
import { EventWriter } from '../../src/events/eventWriter.ts';
import { textSummary } from '../../src/events/summaries.ts';

const writer = await EventWriter.create(process.argv[2]!, 0);
try {
  for (let step = 1; step <= 1000; step++) {
    await writer.write({ step, values: [textSummary('text', 'x'.repeat(3000))] });
  }
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
}
