import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  latestCheckpoint,
  listCheckpoints,
  openCheckpoint,
} from '../../src/checkpoint/checkpoints.ts';
import { Cleanup } from '../../src/cleanup.ts';
import { GoneError } from '../../src/engines/distributed/presence.ts';
import type { Session } from '../../src/engines/engine.ts';
import { UserError } from '../../src/errors.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { openRun, type Run } from '../../src/training/openRun.ts';
import { planRun } from '../../src/training/planRun.ts';
import { recordPlan } from '../../src/training/recordPlan.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { type TrainingResult, train } from '../../src/training/trainer.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

/** What happened in a training, in its order: "begin 1", "read", "record 1", "save 1". */
interface Watched {
  readonly events: string[];
  readonly trainDir: string;
  readonly result: TrainingResult | Error;
}

/** A run of which something is replaced. */
type Change = (run: Run, events: string[]) => Partial<Run>;

/** Trains four steps an epoch and notes what happens. */
async function watch(more: Partial<RunOptions>, change: Change = () => ({})): Promise<Watched> {
  const options = someRun({
    ...{ dataset_name: 'mnist', dataset_dir: data, projector_items: 0 },
    // As many steps as one asks for, and no summaries but where they are asked for.
    ...{ max_number_of_epochs: undefined, save_summaries_secs: 0, log_every_n_steps: 1000 },
    ...more,
  });
  const events: string[] = [];
  return await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(options.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const run = await openRun(await planRun(options), lock, cleanup);
    await recordPlan(run);
    const { session, progress } = run;
    const watched: Run = {
      ...run,
      session: {
        run: (signature, feeds) => {
          const step = feeds['dropout_seed'] && feeds['dropout_seed'].data[1]! + 1;
          events.push(step === undefined ? signature : `begin ${step}`);
          return session.run(signature, feeds);
        },
        close: () => session.close(),
      },
      progress: {
        update: (state) => {
          events.push(`record ${state.step}`);
          progress.update(state);
        },
        message: (line) => progress.message(line),
        close: () => progress.close(),
      },
      save: async (step) => {
        // What is there is not saved again.
        if (!events.includes(`save ${step}`)) events.push(`save ${step}`);
        await run.save(step);
      },
    };
    const result = await train({ ...watched, ...change(watched, events) }).catch(
      (error: Error) => error,
    );
    return { events, trainDir: options.train_dir, result };
  });
}

test('while a step is done, the one before it is recorded; at an epoch’s end none is begun', async () => {
  const { events } = await watch({ max_number_of_steps: 6 });
  assert.deepEqual(events, [
    ...['begin 1', 'begin 2', 'record 1', 'begin 3', 'record 2', 'begin 4', 'record 3', 'record 4'],
    ...['begin 5', 'begin 6', 'record 5', 'record 6', 'save 6'],
  ]);
});

test('a checkpoint waits for the step before it, and the next one for the checkpoint', async () => {
  const { events } = await watch({ max_number_of_steps: 3, save_interval_steps: 2 });
  assert.deepEqual(events, [
    ...['begin 1', 'begin 2', 'record 1', 'record 2', 'save 2'],
    ...['begin 3', 'record 3', 'save 3'],
  ]);
});

test('variables are read right behind the step that is summarised', async () => {
  const { events } = await watch({ max_number_of_steps: 3, save_summaries_secs: 1e6 });
  assert.deepEqual(events.slice(0, 4), ['begin 1', 'read', 'begin 2', 'record 1']);
});

test('a learning rate that is far too high ends the run in one line, and no checkpoint is not finite', async () => {
  // Of the head alone, items are not prepared again in the second epoch.
  for (const more of [{}, { save_interval_steps: 1 }, { trainable_scopes: ['head'] }]) {
    const { trainDir, result } = await watch({
      ...{ max_number_of_steps: 8, learning_rate: 1e38, warmup_epochs: 1 },
      ...more,
    });
    assert.ok(result instanceof UserError, String(result));
    assert.match(result.message, /^step \d+: (the loss is|derivatives of|the variable) [^\n]*$/);
    assert.match(result.message, /The training diverged at a learning rate of \S*e\+3[78]: /);
    assert.match(result.message, /\. (\w+ is the first layer that|All layers are finite, ).*\. /);
    await assertFinite(trainDir);
  }
});

/** Every checkpoint of a folder holds finite variables alone. */
async function assertFinite(trainDir: string): Promise<void> {
  for (const path of await listCheckpoints(trainDir)) {
    const bundle = await openCheckpoint(path);
    for (const name of bundle.shapes.keys()) {
      const { data } = await bundle.read(name);
      if (data instanceof Float32Array) assert.ok(data.every(Number.isFinite), `${path} ${name}`);
    }
  }
}

/** The session of a run, in which a variable becomes NaN right after a step. */
function decaying(session: Session, step: number, name: string): Session {
  return {
    run: async (signature, feeds) => {
      const outputs = await session.run(signature, feeds);
      if (feeds['dropout_seed']?.data[1] === step - 1) {
        const values = await session.run('read', {});
        values[name]!.data[3] = Number.NaN;
        await session.run('assign', values);
      }
      return outputs;
    },
    close: () => session.close(),
  };
}

test('a variable that is not finite is not saved: the run ends, and the checkpoint before it stays', async () => {
  const { events, trainDir, result } = await watch(
    { max_number_of_steps: 12, save_interval_steps: 2 },
    ({ session }) => ({ session: decaying(session, 6, 'Small/conv1/weights') }),
  );
  assert.ok(result instanceof UserError, String(result));
  assert.match(
    result.message,
    /^step 6: the variable Small\/conv1\/weights holds NaN; expected finite numbers\. The training diverged/,
  );
  assert.equal(events.at(-1), 'save 6');
  const last = (await latestCheckpoint(trainDir))!;
  assert.match(last, /model\.ckpt-4$/);
  assert.ok(result.message.endsWith(`. The last good checkpoint is ${last}.`), result.message);
  await assertFinite(trainDir);
});

test('a loss that is no number is told with the variable that is none, and the step after which it is', async () => {
  const { trainDir, result } = await watch({ max_number_of_steps: 6 }, ({ session }) => ({
    session: decaying(session, 3, 'Small/logits/weights'),
  }));
  assert.ok(result instanceof UserError, String(result));
  // Step 4 was begun before.
  assert.match(
    result.message,
    /^step 5: the loss is NaN; .*\. Logits is the first layer that is not finite\. After step 4, Small\/logits\/weights is the first variable that is not finite\. /,
  );
  assert.ok(result.message.endsWith(`There is no checkpoint in ${trainDir} yet.`), result.message);
});

test('an interrupted run ends after the steps that were begun, with a checkpoint of the last', async () => {
  const controller = new AbortController();
  const { events, trainDir, result } = await watch(
    { max_number_of_steps: 8 },
    ({ progress }, noted) => ({
      signal: controller.signal,
      progress: {
        ...progress,
        update: (state) => {
          progress.update(state);
          // Step 3 is being done.
          if (noted.at(-1) === 'record 2') controller.abort('SIGINT');
        },
      },
    }),
  );
  assert.deepEqual(events.slice(-3), ['record 2', 'record 3', 'save 3']);
  assert.ok(!(result instanceof Error) && result.interrupted);
  assert.equal(result.step, 3);
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-3$/);
});

const goesOnFrom = (trainDir: string, step: number) =>
  `Mend it, and start the run again: it goes on from ${trainDir}/model.ckpt-${step}.`;

test('where a batch cannot be read, the steps before it are recorded and saved', async () => {
  const { events, result, trainDir } = await watch({ max_number_of_steps: 6 }, ({ pipeline }) => ({
    pipeline: {
      epoch: async function* (epoch: number, firstBatch?: number) {
        let count = 0;
        for await (const batch of pipeline.epoch(epoch, firstBatch)) {
          if (++count > 2) throw new UserError('item 7: damaged.');
          yield batch;
        }
      },
    } as unknown as Run['pipeline'],
  }));
  assert.ok(result instanceof UserError);
  assert.equal(result.message, `item 7: damaged. ${goesOnFrom(trainDir, 2)}`);
  assert.deepEqual(events.slice(0, 5), ['begin 1', 'begin 2', 'record 1', 'record 2', 'save 2']);
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-2$/);
});

test('what keeps the last step of a cluster from being saved is told without a second advice', async () => {
  const gone = () => Promise.reject(new GoneError('cluster: worker 1 is gone.'));
  const { result } = await watch({ max_number_of_steps: 6 }, ({ session }) => ({
    session: {
      run: (signature, feeds) =>
        feeds['dropout_seed']?.data[1] === 2 ? gone() : session.run(signature, feeds),
      close: () => session.close(),
    },
    saveOwn: gone,
  }));
  assert.equal(
    (result as Error).message,
    'cluster: worker 1 is gone. Start all processes again: the training goes on from its latest checkpoint; step 2 is not saved: cluster: worker 1 is gone.',
  );
});

test('a checkpoint that is due is saved before the evaluation', async () => {
  const { events } = await watch(
    { max_number_of_steps: 12, eval_interval_epochs: 1, save_interval_steps: 8 },
    (_, told) => ({
      evaluate: async (step) => {
        told.push(`evaluate ${step}`);
        return undefined;
      },
    }),
  );
  const saves = events.filter((event) => /^(save|evaluate) /.test(event));
  const expected = ['evaluate 4', 'save 8', 'evaluate 8', 'save 12', 'evaluate 12'];
  assert.deepEqual([...new Set(saves)], expected);
});

test('where an evaluation fails, the epoch before it is saved', async () => {
  const { events, result, trainDir } = await watch(
    { max_number_of_steps: 6, eval_interval_epochs: 1 },
    () => ({
      evaluate: async () => {
        throw new UserError('item 7: damaged.');
      },
    }),
  );
  assert.ok(result instanceof UserError);
  assert.equal(result.message, `item 7: damaged. ${goesOnFrom(trainDir, 4)}`);
  assert.ok(events.includes('save 4') && !events.includes('begin 5'), events.join());
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-4$/);
});

test('where most rows of a batch are monitored, all are computed, and each item gets its own', async () => {
  const signatures: string[] = [];
  const { trainDir, events } = await watch(
    // Without a step the biases stay 0, and S is the same at every layer.
    { max_number_of_steps: 8, ns: 30, learning_rate: 0, hm: ['pool1'], weight_decay: 0 },
    ({ session }) => ({
      session: {
        run: (signature, feeds) => {
          if (feeds['dropout_seed']) signatures.push(signature);
          return session.run(signature, feeds);
        },
        close: () => session.close(),
      },
    }),
  );
  assert.equal(events.at(-1), 'save 8');
  // Nothing was selected in the first epoch yet; then three of four items are watched.
  assert.deepEqual(signatures.slice(0, 4), ['train', 'train', 'train', 'train']);
  assert.ok(signatures.slice(4).includes('train_all_rows'), signatures.join());
  const lines = readFileSync(join(trainDir, 'monitoring.jsonl'), 'utf8').trim().split('\n');
  assert.equal(lines.length, 30);
  const seen = new Set<number>();
  for (const line of lines) {
    const { item, contributions } = JSON.parse(line);
    seen.add(item);
    const [atPool1, atLogits] = [contributions.pool1, contributions.Logits];
    assert.ok(Math.abs(atPool1 - atLogits) < 1e-4 * Math.max(1, Math.abs(atLogits)), line);
  }
  assert.equal(seen.size, 30);
});
