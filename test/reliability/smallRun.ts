/** A run that is small enough to be disturbed often: how it is started, gone on with, and what it has to leave. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  checkCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  listKilledCheckpoint,
  stepOfCheckpoint,
  unlistedCheckpoints,
} from '../../src/checkpoint/checkpoints.ts';
import { eventFiles } from '../../src/events/readEvents.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import {
  type CommandResult,
  losslens,
  smallNetwork,
  startLosslens,
  writeSmallMnist,
} from '../losslens.ts';
import { runPython } from '../python.ts';

/** Items that are trained on. */
const items = 40;
/** With so many in the data, what is kept of all of them is written by a thread. */
const manyItems = 2000;
const lastCheckpoint = 'model.ckpt-8';

const recordFiles = [
  ...['items.csv', 'selection.csv', 'selections.jsonl', 'monitoring.jsonl', 'detection.csv'],
  ...['label_noise.csv', `${lastCheckpoint}.index`, `${lastCheckpoint}.data-00000-of-00001`],
];

/** By tag and step, the hashes of what is shown. */
type Views = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** The same without what is there twice. */
function shown(views: Views): Views {
  const once = (steps: Views[string]) =>
    Object.fromEntries(Object.entries(steps).map(([step, hashes]) => [step, [...new Set(hashes)]]));
  return Object.fromEntries(Object.entries(views).map(([tag, steps]) => [tag, once(steps)]));
}

/** What a run left, but for its logs. */
function contents(trainDir: string): Record<string, string> {
  const projector = readdirSync(join(trainDir, 'projector-8'))
    .filter((name) => !name.includes('tfevents'))
    .map((name) => join('projector-8', name));
  return Object.fromEntries(
    [...recordFiles, ...projector].map((name) => [
      name,
      readFileSync(join(trainDir, name)).toString('latin1'),
    ]),
  );
}

/**
 * Makes sure that the next start takes what a disturbed run left of checkpoints: the one that the file
 * `checkpoint` names is there, all of it can be read, and none is there without that file.
 *
 * @returns  its steps; 0 where there is none
 */
export async function latestStep(trainDir: string): Promise<number> {
  await listKilledCheckpoint(trainDir);
  const latest = await latestCheckpoint(trainDir);
  assert.equal(latest, (await listCheckpoints(trainDir)).at(-1), trainDir);
  if (latest === undefined) {
    assert.deepEqual(await unlistedCheckpoints(trainDir), [], trainDir);
    return 0;
  }
  await checkCheckpoint(latest);
  return stepOfCheckpoint(latest);
}

/** Runs of two epochs of four steps, all of the same flags. */
export class SmallRun {
  readonly #folder: string;
  readonly #flags: readonly string[];
  #expected: Readonly<Record<string, string>> = {};
  #whole = '';
  /** Folders of event files as they were when a run was disturbed, and when it had ended after all. */
  readonly #disturbedLogs: string[] = [];
  readonly #endedLogs: string[] = [];

  /**
   * Runs whose checkpoints and tables are small, and written by the main thread; or they are large, as those
   * of most runs are, and threads write them.
   *
   * @param folder  for what belongs to these runs
   */
  constructor(folder: string, areLarge: boolean, engine: 'wasm' | 'tensorflow' = 'wasm') {
    this.#folder = folder;
    const data = join(folder, 'data');
    const labels = join(folder, 'labels.csv');
    mkdirSync(data, { recursive: true });
    writeSmallMnist(data, areLarge ? manyItems : items, 20);
    const dropped = Array.from({ length: manyItems - items }, (_, i) => `${items + i},,drop\n`);
    writeFileSync(labels, `item,label,decision\n${dropped.join('')}`);
    this.#flags = [
      ...[`--engine=${engine}`, `--model_name=${smallNetwork}`, '--seed=1', '--label_noise=0.2'],
      ...['--dataset_name=mnist', `--dataset_dir=${data}`, '--batch_size=10'],
      ...['--max_number_of_epochs=2', '--eval_interval_epochs=1', '--save_interval_steps=3'],
      ...['--log_every_n_steps=1', '--ns=4', '--hm=pool1,pool2', '--projector_items=4'],
      ...['--num_preprocessing_threads=1', '--max_checkpoints=2'],
      ...(areLarge ? ['--optimizer=adam', `--labels_file=${labels}`] : ['--optimizer=sgd']),
    ];
  }

  /** Flags of `losslens train`, for a run in a folder. */
  args(trainDir: string): string[] {
    return [`--train_dir=${trainDir}`, ...this.#flags];
  }

  /**
   * Starts a run in a process of its own, with a hook in it.
   *
   * @param hook  name of a module beside this one
   * @param env   what the hook is told
   */
  start(
    trainDir: string,
    hook: string,
    env: Readonly<Record<string, string>>,
  ): [ChildProcess, Promise<CommandResult>] {
    const url = pathToFileURL(join(packageRoot, 'dist/test/reliability', hook)).href;
    const options = `${process.env['NODE_OPTIONS'] ?? ''} --import=${url}`;
    return startLosslens(['train', ...this.args(trainDir)], { ...env, NODE_OPTIONS: options });
  }

  /** Does a run that nothing disturbs: what others have to leave. */
  async runWhole(
    trainDir: string,
    hook: string,
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { code, stderr } = await this.start(trainDir, hook, env)[1];
    assert.equal(code, 0, stderr);
    this.#whole = trainDir;
    this.#expected = contents(trainDir);
  }

  /** Keeps the event files of a run that was disturbed as they are, for `expectSameViews`. */
  keepLogs(trainDir: string): void {
    if (!existsSync(trainDir)) return;
    const logs = join(this.#folder, `disturbed-${this.#disturbedLogs.length}`);
    mkdirSync(logs);
    for (const path of eventFiles(trainDir)) cpSync(path, join(logs, basename(path)));
    this.#disturbedLogs.push(logs);
  }

  /** Makes sure that a folder holds the records and the checkpoint of the undisturbed run. */
  expectSameFiles(trainDir: string): void {
    const found = contents(trainDir);
    assert.deepEqual(Object.keys(found), Object.keys(this.#expected), trainDir);
    const differing = Object.keys(found).filter((name) => found[name] !== this.#expected[name]);
    assert.deepEqual(differing, [], trainDir);
  }

  /** Goes on with a run, and makes sure that it ends as the undisturbed one. */
  async expectSameEnd(trainDir: string): Promise<void> {
    const { code, stderr } = await losslens(['train', ...this.args(trainDir)]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /missing|cut short|deleted/);
    this.expectSameFiles(trainDir);
    // What a dead process left of locks beside that of the run keeps nobody out.
    const all = readdirSync(trainDir, { recursive: true, encoding: 'utf8' });
    const left = all.filter((name) => /\.tmp$|^losslens\.lock/.test(name));
    assert.deepEqual(left, [], trainDir);
    this.#endedLogs.push(trainDir);
  }

  /** Folders of event files: of the undisturbed run, of those that ended after all, of disturbed ones. */
  get logs() {
    return { whole: this.#whole, ended: this.#endedLogs, disturbed: this.#disturbedLogs };
  }
}

/** Makes sure that TensorBoard shows the views of the undisturbed run, and none but these of disturbed ones. */
export function expectSameViews(runs: readonly SmallRun[]): void {
  const folders = runs.flatMap(({ logs: { whole, ended, disturbed } }) => [
    whole,
    ...ended,
    ...disturbed,
  ]);
  // All at once: Python takes seconds to load its reader.
  const read = (runPython('read_views.py', ...folders) as Views[]).map(shown);
  const viewsIn = new Map(folders.map((each, i) => [each, read[i]!]));
  for (const { logs } of runs) {
    const { whole, ended, disturbed } = logs;
    const expected = viewsIn.get(whole)!;
    assert.ok(Object.keys(expected).length >= 2, Object.keys(expected).join());
    for (const each of ended) assert.deepEqual(viewsIn.get(each), expected, each);
    for (const each of disturbed) {
      for (const [tag, steps] of Object.entries(viewsIn.get(each)!)) {
        for (const [step, hashes] of Object.entries(steps)) {
          assert.deepEqual(hashes, expected[tag]?.[step], `${each}: ${tag}, ${step}`);
        }
      }
    }
  }
}
