/**
 * Preloaded into a process of a training (`--import`), which it disturbs at a step, $LOSSLENS_STEP, in a way,
 * $LOSSLENS_DISTURBANCE:
 *
 * - `beginning`   the worker is killed when it is about to begin its part, and all before has been handed over
 * - `sending`     it is killed when all have done the step, and the chief has not got its part
 * - `leaving`     it is killed when it has nothing more to do after the step
 * - `hanging`     it stands still for some seconds before it begins its part, while its server answers
 * - `reading`     the chief gets the batch behind the step after some seconds
 * - `evaluating`  each evaluation of the chief begins after some seconds
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { Membership } from '../../src/cluster/membership.ts';
import { PeriodicEvaluation } from '../../src/evaluation/periodicEvaluation.ts';
import { BatchPipeline } from '../../src/preprocessing/batchPipeline.ts';

const { LOSSLENS_STEP, LOSSLENS_DISTURBANCE: disturbance } = process.env;
const step = Number(LOSSLENS_STEP);
/** After which what was sent is there. */
const sentMs = 1000;
const standsStillMs = 5000;

const kill = () => process.kill(process.pid, 'SIGKILL');

function disturb(): void {
  const { nextPart, send } = Membership.prototype;
  const { epoch } = BatchPipeline.prototype;
  const { run } = PeriodicEvaluation.prototype;
  let last = 0;
  Membership.prototype.nextPart = async function () {
    if (disturbance === 'leaving' && last === step) {
      await pause(sentMs);
      kill();
    }
    const assignment = await nextPart.call(this);
    last = assignment?.step ?? last;
    if (last !== step) return assignment;
    if (disturbance === 'beginning') {
      await pause(sentMs);
      kill();
    }
    if (disturbance === 'hanging') {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, standsStillMs);
    }
    return assignment;
  };
  Membership.prototype.send = async function (...args) {
    if (disturbance === 'sending' && args[0].step === step) {
      await pause(sentMs);
      kill();
    }
    return send.call(this, ...args);
  };
  BatchPipeline.prototype.epoch = async function* (epochIndex, firstBatch = 0, ...args) {
    let before = firstBatch;
    for await (const batch of epoch.call(this, epochIndex, firstBatch, ...args)) {
      if (disturbance === 'reading' && before === step) await pause(standsStillMs);
      before++;
      yield batch;
    }
  };
  PeriodicEvaluation.prototype.run = async function (...args) {
    if (disturbance === 'evaluating') await pause(standsStillMs);
    return run.call(this, ...args);
  };
}

if (isMainThread) disturb();
