/**
 * A run that is killed anywhere, and started again, ends as if nothing had happened. Six kills;
 * $LOSSLENS_KILLS asks for more, $LOSSLENS_KILLS_SEED for the same ones again.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { random } from '../../src/random.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { expectSameViews, latestStep, SmallRun } from './smallRun.ts';

const asked = process.env['LOSSLENS_KILLS'];
const kills = Number(asked ?? 6);
/** Of the tests' own kills always the same, so that they fail by a change alone; others are for looking. */
const ownSeed = asked === undefined ? 1 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env['LOSSLENS_KILLS_SEED'] ?? ownSeed);
const folder = temporaryFolder();

/** Runs of one kind, with the calls of an undisturbed one that change files. */
interface Kind {
  readonly name: string;
  readonly runs: SmallRun;
  readonly calls: readonly string[];
  /** Numbers of the calls, alike ones in a row together: the parts of a checkpoint are many. */
  readonly stretches: readonly (readonly number[])[];
  /** What an undisturbed run takes. */
  readonly milliseconds: number;
}

/** None where the run was killed before its first. */
const callsIn = (path: string) =>
  existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];

async function kindOf(name: string, runs: SmallRun): Promise<Kind> {
  const path = join(folder, `${name}.calls`);
  const begin = performance.now();
  await runs.runWhole(join(folder, name, 'run'), 'killHook.js', { LOSSLENS_KILL_CALLS: path });
  const milliseconds = performance.now() - begin;
  const calls = callsIn(path);
  const stretches: number[][] = [];
  for (const [i, call] of calls.entries()) {
    if (i > 0 && call === calls[i - 1]) stretches.at(-1)!.push(i + 1);
    else stretches.push([i + 1]);
  }
  return { name, runs, calls, stretches, milliseconds };
}

const [small, large] = await Promise.all([
  kindOf('small', new SmallRun(join(folder, 'small'), false)),
  kindOf('large', new SmallRun(join(folder, 'large'), true)),
]);
/** It takes seconds to load: a few kills do without. */
const tensorFlow =
  kills < 20 || (await tensorFlowOrSkip()).skip
    ? large
    : await kindOf('tensorflow', new SmallRun(join(folder, 'tensorflow'), false, 'tensorflow'));

/** What a kill is. */
interface Kill {
  readonly kind: Kind;
  /** The call that it comes at, from 1. */
  readonly call: number;
  /** Whether half of what it writes is there. */
  readonly isHalfway: boolean;
  /** The call at which the run that goes on is killed, too. */
  readonly again: number | undefined;
  /** When it comes, wherever the run is by then, instead of at a call. */
  readonly milliseconds: number | undefined;
}

/** The kills go through the run from its first call to its last. */
function draw(kill: number): Kill {
  const next = random(seed, kill);
  const kind = kill % 25 === 12 ? tensorFlow : kill % 2 === 0 ? small : large;
  const { stretches, calls } = kind;
  const stretch = stretches[Math.floor(((kill + next()) / kills) * stretches.length)]!;
  const call = stretch[Math.floor(next() * stretch.length)]!;
  const isHalfway = next() < 0.5;
  // What it does over again is not known; the calls before its first step are about 25.
  const again = 1 + Math.floor(next() * Math.max(25, calls.length - call));
  const milliseconds = next() * kind.milliseconds;
  return {
    kind,
    call,
    isHalfway,
    again: kill % 5 === 3 ? again : undefined,
    milliseconds: kill % 7 === 6 ? milliseconds : undefined,
  };
}

function nameOf({ kind, call, isHalfway, again, milliseconds }: Kill): string {
  const when =
    milliseconds === undefined
      ? `at call ${call} of ${kind.calls.length}, ${isHalfway ? 'halfway' : 'before'}`
      : `after ${milliseconds.toFixed()} ms`;
  return `${kind.name}, ${when}${again === undefined ? '' : `, then at call ${again}`}`;
}

describe(`kills of seed ${seed}`, { concurrency: 2 }, () => {
  for (let number = 0; number < kills; number++) {
    const kill = draw(number);
    test(`kill ${number + 1} of seed ${seed}: ${nameOf(kill)}`, async (t) => {
      const { runs, calls } = kill.kind;
      const trainDir = join(folder, `killed-${number}`);
      /** @returns  what was done last */
      const killedAt = async (call: number, isHalfway: boolean, start: string) => {
        const path = `${trainDir}.${start}.calls`;
        const [child, ended] = runs.start(trainDir, 'killHook.js', {
          LOSSLENS_KILL_CALLS: path,
          ...(kill.milliseconds === undefined ? { LOSSLENS_KILL_AT: String(call) } : {}),
          ...(isHalfway ? { LOSSLENS_KILL_HALFWAY: '1' } : {}),
        });
        if (kill.milliseconds !== undefined) {
          await setTimeout(kill.milliseconds);
          child.kill('SIGKILL');
        }
        const { code, stderr } = await ended;
        if (child.signalCode === null) assert.equal(code, 0, stderr);
        t.diagnostic(
          `${start}: ${child.signalCode ?? 'ended'}, ${callsIn(path).at(-1)?.trimEnd() ?? 'before any call'}`,
        );
        return child.signalCode;
      };

      const signal = await killedAt(kill.call, kill.isHalfway, 'first');
      // Records that are written together are one call: how many there are differs a little.
      const isEarly = kill.milliseconds === undefined && kill.call < 0.9 * calls.length;
      if (isEarly) assert.equal(signal, 'SIGKILL');
      await latestStep(trainDir);
      runs.keepLogs(trainDir);
      if (kill.again !== undefined) {
        await killedAt(kill.again, !kill.isHalfway, 'second');
        await latestStep(trainDir);
        runs.keepLogs(trainDir);
      }
      await runs.expectSameEnd(trainDir);
    });
  }
});

test(
  'TensorBoard reads what each kill left, and shows the views of a whole run in the end',
  {
    skip: skipWithoutPython('tensorboard'),
  },
  () => expectSameViews([...new Set([small, large, tensorFlow])].map(({ runs }) => runs)),
);
