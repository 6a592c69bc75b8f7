import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EventWriter } from '../../src/events/eventWriter.ts';
import { type HParam, hparamsEndSummary, hparamsStartSummary } from '../../src/events/hparams.ts';
import { histogramSummary, scalarSummary } from '../../src/events/summaries.ts';
import { temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { TensorBoard, until } from './tensorboard.ts';

const skip = skipWithoutPython('tensorflow', 'tensorboard');

type HParams = Readonly<Record<string, HParam>>;

interface SessionGroups {
  readonly sessionGroups: readonly {
    readonly hparams: HParams;
    readonly metricValues: readonly { readonly name: { readonly tag: string }; value: number }[];
    readonly sessions: readonly { readonly name: string; readonly status: string }[];
  }[];
}

async function writeRun(
  folder: string,
  hparams: HParams,
  accuracy: number,
  isFinal: boolean,
): Promise<void> {
  const writer = await EventWriter.create(folder, 0);
  await writer.write({ step: 0, values: [hparamsStartSummary(hparams, 1000)] });
  const values = [
    scalarSummary('accuracy', accuracy),
    histogramSummary('activations/conv1', [3, 0, 1], -1, 2),
    histogramSummary('LeNet/fc4/biases', [7], 0, 0),
  ];
  await writer.write({ step: 10, values });
  if (isFinal) await writer.write({ step: 10, values: [hparamsEndSummary(2000)] });
  await writer.close();
}

test('TensorBoard compares runs by their settings and shows histograms', { skip }, async () => {
  const logdir = temporaryFolder();
  const settings = { optimizer: 'sgd', batch_size: 50, ignore_missing_vars: false };
  await writeRun(join(logdir, 'a'), { ...settings, learning_rate: 0.1 }, 0.5, true);
  await writeRun(join(logdir, 'b'), { ...settings, learning_rate: 0.01 }, 0.25, false);
  const board = await TensorBoard.start(logdir, 'fast');
  try {
    const request = JSON.stringify({
      experimentName: '',
      allowedStatuses: ['STATUS_UNKNOWN', 'STATUS_SUCCESS', 'STATUS_FAILURE', 'STATUS_RUNNING'],
      colParams: [],
      startIndex: 0,
      sliceSize: 100,
    });
    const { sessionGroups } = await until(
      // TensorBoard answers an error before it has read the first of them.
      () =>
        board
          .json<SessionGroups>('plugin/hparams/session_groups', { request })
          .catch((): SessionGroups => ({ sessionGroups: [] })),
      (answer) => answer.sessionGroups?.length === 2,
      'two runs with settings',
    );
    const ofRun = (run: string) => {
      const found = sessionGroups.find(({ sessions }) => sessions[0]!.name === run);
      assert.ok(found, run);
      const [metric] = found.metricValues.filter(({ name }) => name.tag === 'accuracy');
      const { hparams, sessions } = found;
      return { hparams, status: sessions[0]!.status, accuracy: metric!.value };
    };
    assert.deepEqual(ofRun('a'), {
      hparams: { ...settings, learning_rate: 0.1 },
      status: 'STATUS_SUCCESS',
      accuracy: 0.5,
    });
    assert.deepEqual(ofRun('b'), {
      hparams: { ...settings, learning_rate: 0.01 },
      status: 'STATUS_UNKNOWN',
      accuracy: 0.25,
    });
    const histogram = async (tag: string) => {
      const series = await board.json<[number, number, number[][]][]>(
        'plugin/histograms/histograms',
        { run: 'a', tag },
      );
      return series.map(([, step, bins]) => ({ step, bins }));
    };
    assert.deepEqual(await histogram('activations/conv1'), [
      {
        step: 10,
        bins: [
          [-1, 0, 3],
          [0, 1, 0],
          [1, 2, 1],
        ],
      },
    ]);
    assert.deepEqual(await histogram('LeNet/fc4/biases'), [{ step: 10, bins: [[-0.5, 0.5, 7]] }]);
    assert.deepEqual(board.warnings, []);
  } finally {
    await board.stop();
  }
});
