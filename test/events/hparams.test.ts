import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventWriter } from '../../src/events/eventWriter.ts';
import { hparamsEndSummary, hparamsStartSummary } from '../../src/events/hparams.ts';
import { temporaryFolder } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const skip = skipWithoutPython('tensorboard');
test('the HParams tab reads numbers, texts and truths, and that the run ended', {
  skip,
}, async () => {
  const folder = temporaryFolder();
  const hparams = { learning_rate: 0.01, optimizer: 'adam', use_grayscale: false, ns: 64, hs: '' };
  const writer = await EventWriter.create(folder, 0);
  await writer.write({ step: 0, values: [hparamsStartSummary(hparams, 1000.5)] });
  await writer.write({ step: 9, values: [hparamsEndSummary(2000)] });
  await writer.close();
  assert.deepEqual(runPython('read_hparams.py', folder), {
    hparams,
    start: 1000.5,
    end: 2000,
    status: 1,
  });
});
