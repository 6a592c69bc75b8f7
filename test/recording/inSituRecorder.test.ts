import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../datasets/dataset.ts';
import { inMemory } from '../../datasets/inMemory.ts';
import type { KnownItemsState } from '../../src/insitu/knownItems.ts';
import { ScoreTable } from '../../src/insitu/scoreTable.ts';
import { stepScores } from '../../src/insitu/stepScores.ts';
import type { StepOutcome } from '../../src/model/stepOutcome.ts';
import { random } from '../../src/random.ts';
import { InSituRecorder, type InSituState } from '../../src/recording/inSituRecorder.ts';
import { LostWrites } from '../../src/recording/lostWrites.ts';
import type { RunLog } from '../../src/recording/runLog.ts';
import type { ItemsWriter } from '../../src/runFiles/itemsWriter.ts';
import type { ViewRenderer } from '../../src/views/viewRenderer.ts';
import { temporaryFolder } from '../losslens.ts';

test('what was handed over to be saved stays as it is while the training goes on', async () => {
  const dataset = inMemory({
    name: 'made',
    split: 'train',
    classNames: ['a', 'b'],
    imageShape: [1, 1, 1],
    labels: Uint8Array.of(0, 1, 0),
    pixels: new Uint8Array(3),
  });
  const written: KnownItemsState[] = [];
  const recorder = new InSituRecorder({
    dataset,
    modelName: 'none',
    selectionLayer: 'Logits',
    rankBy: 'contribution',
    capacity: 2,
    classQuota: Number.POSITIVE_INFINITY,
    monitoredLayers: [],
    maxMonitoredItems: 2,
    colorScale: 'view',
    trainDir: temporaryFolder(),
    log: {} as RunLog,
    lost: new LostWrites(() => {}),
    renderer: {} as ViewRenderer,
    itemsWriter: {
      write: (known: KnownItemsState) => written.push(known),
    } as unknown as ItemsWriter,
    plantedErrors: undefined,
  });
  const observe = async (step: number) => {
    const outcome = {
      output: Int32Array.of(1),
      outputProbability: Float32Array.of(0.75),
      selection: {
        scores: new Float32Array(stepScores.length).fill(step),
        probabilities: Float32Array.of(0.25, 0.75),
      },
    } as unknown as StepOutcome;
    const batch = { itemIndices: Uint32Array.of(2), labels: Int32Array.of(0), feeds: {} };
    await recorder.observe(batch, undefined, outcome, step, step);
  };
  const presentations = (records: Float32Array | Int32Array) => {
    const table = new ScoreTable(3, { records });
    return [0, 1, 2].map((item) => table.at(item, 'epochs'));
  };
  const epochsOf = ({ items }: InSituState) => [
    presentations(items['scores/records']!),
    [...items['outputs/epochs']!],
  ];
  await observe(1);
  const first = recorder.state;
  recorder.writeItems();
  await observe(2);
  recorder.writeItems();
  assert.deepEqual(epochsOf(first), [
    [0, 0, 1],
    [0, 0, 1],
  ]);
  assert.deepEqual(epochsOf(recorder.state), [
    [0, 0, 2],
    [0, 0, 2],
  ]);
  assert.deepEqual(
    written.map(({ scores, suggested }) => [
      presentations(scores['records']!)[2],
      suggested['epochs']![2],
    ]),
    [
      [1, 1],
      [2, 2],
    ],
  );
  // The checkpoint and items.csv after it share one copy, and so do their threads.
  assert.equal(written[0]!.scores['records'], first.items['scores/records']);
  assert.ok(written[0]!.scores['records']!.buffer instanceof SharedArrayBuffer);
});

test('the queue of a score that depends on other items, too, goes on in a resumed run as it was', async () => {
  const [size, classes, batchSize] = [400, 5, 20];
  const next = random(11);
  const labels = Int32Array.from({ length: size }, () => Math.floor(classes * next()));
  const recorderOf = (state?: InSituState) =>
    new InSituRecorder(
      {
        dataset: { size, labels, classNames: ['a', 'b', 'c', 'd', 'e'] } as unknown as Dataset,
        modelName: 'none',
        selectionLayer: 'Logits',
        rankBy: 'pair_disagreement',
        capacity: 16,
        classQuota: Number.POSITIVE_INFINITY,
        monitoredLayers: [],
        maxMonitoredItems: 0,
        colorScale: 'view',
        trainDir: temporaryFolder(),
        log: {} as RunLog,
        lost: new LostWrites(() => {}),
        renderer: {} as ViewRenderer,
        itemsWriter: {} as ItemsWriter,
        plantedErrors: undefined,
      },
      state,
    );
  // Wrong labels are more often the next class than another, as the run comes to know.
  const steps = Array.from({ length: size / batchSize }, (_, step) => {
    const itemIndices = Uint32Array.from({ length: batchSize }, (_, row) => step * batchSize + row);
    const scores = new Float32Array(stepScores.length * batchSize);
    const probabilities = new Float32Array(batchSize * classes).fill(0.05);
    for (let row = 0; row < batchSize; row++) {
      const margin = 8 * next() - 4;
      scores[stepScores.indexOf('margin') * batchSize + row] = margin;
      scores[stepScores.indexOf('loss') * batchSize + row] = Math.max(0.01, -margin);
      const other = 1 + Math.floor(next() * next() * (classes - 1));
      const label = labels[itemIndices[row]!]!;
      probabilities[row * classes + ((margin < 0 ? label + other : label) % classes)] = 0.8;
    }
    const batch = { itemIndices, labels: labels.slice(step * batchSize), feeds: {} };
    const outcome = {
      output: new Int32Array(batchSize),
      outputProbability: new Float32Array(batchSize),
      selection: { scores, probabilities },
    } as unknown as StepOutcome;
    return (recorder: InSituRecorder) => recorder.observe(batch, undefined, outcome, 1, step + 1);
  });
  const whole = recorderOf();
  for (const observe of steps) await observe(whole);
  const first = recorderOf();
  for (const observe of steps.slice(0, 10)) await observe(first);
  const resumed = recorderOf(structuredClone(first.state));
  for (const observe of steps.slice(10)) await observe(resumed);
  assert.deepEqual(resumed.state.queue, whole.state.queue);
});
