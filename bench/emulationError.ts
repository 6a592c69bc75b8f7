/** How far a training step with emulated products of bfloat16 is from one with TensorFlow's own. */
import type { Engine } from '../src/engines/engine.ts';
import { withEmulatedBfloat16 } from './emulatedBfloat16.ts';
import { builtInFor, firstBatch, TrainingStep } from './trainingStep.ts';

/** How far apart something is that a step gives. */
export interface StepDistance {
  /** Of an output of the step, or `change of VARIABLE`. */
  readonly name: string;
  /** ‖emulated − real‖ / ‖real‖, both in bfloat16. */
  readonly emulated: number;
  /** ‖float32 − real‖ / ‖real‖: what bfloat16 itself makes of it. */
  readonly float32: number;
}

/** What is compared. */
export interface ComparedStep {
  readonly modelName: string;
  readonly batchSize: number;
  readonly monitoredLayers: readonly string[];
  /** Steps with the same batch before the one that is compared. */
  readonly stepsBefore: number;
}

/**
 * Does the same step three times, from the same weights with the same batch of a built-in data set: in bfloat16 with
 * TensorFlow's own kernels, in bfloat16 with emulated products, and in float32.
 *
 * @returns  of every float32 output of the step with all rows monitored, and of the change of every variable
 */
export async function emulationErrors(
  engine: Engine,
  { modelName, batchSize, monitoredLayers, stepsBefore }: ComparedStep,
): Promise<StepDistance[]> {
  const { input, batch } = await firstBatch(await builtInFor(modelName), modelName, batchSize);
  const load = (runBy: Engine, computeType: 'float32' | 'bfloat16') =>
    TrainingStep.create(runBy, {
      ...{ modelName, input, computeType, monitoredLayers },
      ...{ selectionLayer: 'Logits', monitorsAllRows: true },
    });
  const emulating = await load(withEmulatedBfloat16(engine), 'bfloat16');
  for (let i = 0; i < stepsBefore; i++) await emulating.run(batch);
  const before = await emulating.session.run('read', {});
  const resultsOf = async (step: TrainingStep) => {
    await step.session.run('assign', before);
    const outputs = Object.entries(await step.run(batch)).map(([name, { data }]) => ({
      name,
      data,
    }));
    const changes = Object.entries(await step.session.run('read', {})).map(([name, { data }]) => ({
      name: `change of ${name}`,
      data: data.map((value, i) => value - before[name]!.data[i]!),
    }));
    await step.session.close();
    return [...outputs, ...changes].filter(({ data }) => data instanceof Float32Array);
  };
  const emulated = await resultsOf(emulating);
  const real = await resultsOf(await load(engine, 'bfloat16'));
  const float32 = await resultsOf(await load(engine, 'float32'));
  return real.map(({ name, data }, i) => ({
    name,
    emulated: distance(emulated[i]!.data, data),
    float32: distance(float32[i]!.data, data),
  }));
}

/** ‖a − b‖ / ‖b‖, 0 where both are 0 */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}
