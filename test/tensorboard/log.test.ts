import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PNG } from 'pngjs';
import { readEvents } from '../../src/events/readEvents.ts';
import { losslens, smallNetwork } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { type ReadFolder, readWithTensorFlow } from './readers.ts';
import { epochs, shortRun } from './shortRun.ts';
import { type LoadingMode, loadingModes, TensorBoard, until } from './tensorboard.ts';

const skip = skipWithoutPython('tensorflow', 'tensorboard');

/** Steps of a series, in the order of the log. */
type Series = Map<string, number[]>;

/** The series of a folder by plugin and tag, as TensorFlow reads them. */
function seriesOf({ records }: ReadFolder): Map<string, Series> {
  const plugins = new Map<string, Series>();
  for (const { step, values } of records) {
    for (const { plugin, tag } of values.filter((value) => value.tag !== undefined)) {
      const series = plugins.get(plugin) ?? new Map<string, number[]>();
      plugins.set(plugin, series.set(tag, [...(series.get(tag) ?? []), step]));
    }
  }
  return plugins;
}

/** The first PNG file of each image summary, by our own reader: `tag@step` → bytes. */
function pngsOf(folder: string): Map<string, Buffer> {
  const pngs = new Map<string, Buffer>();
  for (const { step, values } of readEvents(folder)) {
    for (const { tag, tensor, metadata } of values) {
      const { plugin_name } = metadata['plugin_data'] as { plugin_name: string };
      if (plugin_name !== 'images') continue;
      pngs.set(`${tag}@${step}`, (tensor['string_val'] as Buffer[])[2]!);
    }
  }
  return pngs;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

if (skip) test('TensorFlow and TensorBoard read the log of a run', { skip }, () => {});
else await testLog();

async function testLog(): Promise<void> {
  const run = await shortRun();
  const { code, stderr } = await losslens([
    ...['evaluate', '--engine=wasm', `--checkpoint_path=${run.trainDir}`, '--dataset_name=mnist'],
    ...[`--dataset_dir=${run.dataDir}`, `--model_name=${smallNetwork}`],
  ]);
  assert.equal(code, 0, stderr);
  const modes = Object.keys(loadingModes) as LoadingMode[];
  const boards = modes.map((mode) => TensorBoard.start(run.logdir, mode, run.samples));
  after(() => Promise.all(boards.map(async (board) => (await board).stop())));
  const [training, evaluation] = readWithTensorFlow(run.trainDir, join(run.trainDir, 'eval')) as [
    ReadFolder,
    ReadFolder,
  ];
  const pngs = pngsOf(run.trainDir);

  test('a log begins with version, start and graph, and holds one graph', () => {
    assert.deepEqual(
      training.records.slice(0, 2).map(({ kind, step }) => [kind, step]),
      [
        ['file_version', 0],
        ['session_log', 0],
      ],
    );
    assert.equal(training.records.filter(({ kind }) => kind === 'graph_def').length, 1);
    assert.ok(training.hasGraph);
    // `losslens evaluate` adds a file of its own, that replaces what has its step.
    const starts = evaluation.records.filter(({ kind }) => kind === 'session_log');
    assert.deepEqual(
      starts.map(({ file, step }) => [file, step]),
      [
        [0, 0],
        [1, 2 * epochs],
      ],
    );
  });

  test('a log is read in full by TensorFlow, with every value of a kind that TensorBoard shows', () => {
    for (const { records } of [training, evaluation]) {
      let last = 0;
      for (const { wallTime, values, kind } of records) {
        assert.ok(Number.isFinite(wallTime) && wallTime >= last, `wall time ${wallTime}`);
        last = wallTime;
        if (kind !== 'summary') continue;
        assert.ok(values.length > 0);
        for (const { tag, plugin, type } of values) {
          assert.notEqual(plugin, '', tag);
          if (plugin === 'scalars') assert.deepEqual(type, ['float32', 0], tag);
        }
      }
    }
  });

  test('a log has steps that grow in each file, and one plugin for each tag', () => {
    for (const { records } of [training, evaluation]) {
      const last = new Map<string, { file: number; step: number; plugin: string }>();
      for (const { file, step, values } of records) {
        for (const { tag, plugin } of values.filter((value) => value.tag !== undefined)) {
          const before = last.get(tag);
          if (before?.file === file) assert.ok(step > before.step, `${tag} at ${step}`);
          assert.equal(plugin, before?.plugin ?? plugin, tag);
          last.set(tag, { file, step, plugin });
        }
      }
    }
  });

  test('a log holds every view once: each epoch’s selection, each selected item in each later epoch', () => {
    const images = seriesOf(training).get('images')!;
    const selectionSteps = Array.from({ length: epochs }, (_, i) => 2 * (i + 1));
    assert.deepEqual(images.get('1 Selection View/Logits'), selectionSteps);
    const selectedIn = new Map<number, number>();
    for (const line of readFileSync(join(run.trainDir, 'selections.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')) {
      const { item, epoch } = JSON.parse(line) as { item: number; epoch: number };
      if (!selectedIn.has(item)) selectedIn.set(item, epoch);
    }
    const monitored = [...selectedIn].filter(([, epoch]) => epoch < epochs).slice(0, 16);
    for (const [item, epoch] of monitored) {
      const prefix = `2 Monitoring View/${String(item).padStart(6, '0')}`;
      const [tag] = [...images.keys()].filter((name) => name.startsWith(prefix));
      assert.equal(images.get(tag!)?.length, epochs - epoch, prefix);
    }
  });

  test('a run names the samples that TensorBoard has to keep to show it in full', () => {
    const { samples } = run;
    assert.ok(samples?.includes(`images=${epochs}`), run.stderr);
    for (const [plugin, series] of seriesOf(training)) {
      const longest = Math.max(...[...series.values()].map(({ length }) => length));
      const asked = new RegExp(`(?:^|,)${plugin}=(\\d+)`).exec(samples ?? '')?.[1];
      if (asked !== undefined) assert.equal(Number(asked), longest, plugin);
    }
  });

  test('a log holds pictures that are whole PNG files of the size that it says', () => {
    assert.ok(pngs.size > 2 * epochs);
    for (const { step, values } of training.records) {
      for (const { tag, size, sha256: hashes } of values) {
        if (hashes === undefined) continue;
        const ours = pngs.get(`${tag}@${step}`)!;
        assert.equal(hashes[0], sha256(ours), `${tag} at ${step}`);
        const { width, height } = PNG.sync.read(ours);
        assert.deepEqual(size, [width, height]);
      }
    }
  });

  test('a log is kept in full by the event accumulator', () => {
    for (const [, series] of seriesOf(training)) {
      for (const [tag, steps] of series) assert.equal(training.kept[tag], steps.length, tag);
    }
  });

  for (const [i, mode] of modes.entries()) {
    test(`a log comes back from TensorBoard (${mode}) in full, and without a warning`, async () => {
      const board = await boards[i]!;
      const { debug } = await board.json<{ debug: { data_provider: string } }>('environment');
      assert.match(debug.data_provider, loadingModes[mode]);
      const runs = [
        ['run', seriesOf(training)],
        ['run/eval', seriesOf(evaluation)],
      ] as const;
      for (const [name, plugins] of runs) {
        for (const plugin of ['scalars', 'images', 'histograms', 'text', 'pr_curves']) {
          await checkPlugin(board, name, plugin, plugins.get(plugin) ?? new Map());
        }
      }
      for (const tag of seriesOf(training).get('images')!.keys()) {
        for (const { step, query } of await board.images('run', tag)) {
          const png = await board.image(query);
          assert.ok(png.equals(pngs.get(`${tag}@${step}`)!), `${tag} at ${step}`);
        }
      }
      const graph = (await board.bytes('plugin/graphs/graph', { run: 'run' })).toString();
      assert.match(graph, /name: "Small\/conv1/);
      assert.deepEqual(board.warnings, []);
      // `losslens evaluate` took the place of the last evaluation in the run.
      assert.equal(board.replacements.length, mode === 'slow' ? 1 : 0);
    });
  }
}

/** Steps that TensorBoard returns of a series. */
async function servedSteps(
  board: TensorBoard,
  run: string,
  plugin: string,
  tag: string,
): Promise<number[]> {
  switch (plugin) {
    case 'images':
      return (await board.images(run, tag)).map(({ step }) => step);
    case 'scalars':
      return (await board.scalars(run, tag)).map(([, step]) => step);
    case 'histograms': {
      const points = await board.json<[number, number][]>('plugin/histograms/histograms', {
        run,
        tag,
      });
      return points.map(([, step]) => step);
    }
    case 'text': {
      const texts = await board.json<{ step: number }[]>('plugin/text/text', { run, tag });
      return texts.map(({ step }) => step);
    }
    default: {
      const curves = await board.json<Record<string, { step: number }[]>>(
        `plugin/${plugin}/${plugin}`,
        { run, tag },
      );
      return curves[run]!.map(({ step }) => step);
    }
  }
}

/** Compares what was written of a plugin with what TensorBoard returns. */
async function checkPlugin(
  board: TensorBoard,
  run: string,
  plugin: string,
  written: Series,
): Promise<void> {
  const tags = [...written.keys()].sort();
  const served = await until(
    async () => (await board.tags(plugin))[run] ?? [],
    (answer) => answer.length >= tags.length,
    `${plugin} of ${run}`,
  );
  assert.deepEqual(served, tags, `${plugin} of ${run}`);
  for (const [tag, steps] of written) {
    // A later value of a step replaces the earlier one.
    const expected = [...new Set(steps)].sort((a, b) => a - b);
    const got = await until(
      () => servedSteps(board, run, plugin, tag),
      ({ length }) => length >= expected.length,
      `${plugin} ${tag} of ${run}`,
    );
    assert.deepEqual(got, expected, `${plugin} ${tag} of ${run}`);
  }
}
