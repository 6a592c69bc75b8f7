import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inMemory } from '../../datasets/inMemory.ts';
import { ScoreTable } from '../../src/insitu/scoreTable.ts';
import { stepScores } from '../../src/insitu/stepScores.ts';
import type { StepOutcome } from '../../src/model/stepOutcome.ts';
import { InSituRecorder, type InSituState } from '../../src/recording/inSituRecorder.ts';
import { LostWrites } from '../../src/recording/lostWrites.ts';
import type { RunLog } from '../../src/recording/runLog.ts';
import type { ItemsWriter, KnownOfItems } from '../../src/runFiles/itemsWriter.ts';
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
  const written: KnownOfItems[] = [];
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
    itemsWriter: { write: (known: KnownOfItems) => written.push(known) } as unknown as ItemsWriter,
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
