/** How far a training step with emulated products of bfloat16 is from one with TensorFlow's own. */
import type { Engine, HostTensor } from '../src/engines/engine.ts';
import { withEmulatedBfloat16 } from './emulatedBfloat16.ts';
import { type FirstBatch, TrainingStep } from './trainingStep.ts';

/** How far apart something is that a step gives. */
export interface StepDistance {
  /** Of an output of the step, or `change of VARIABLE`. */
  readonly name: string;
  /** ‖emulated − real‖ / ‖real‖, both in bfloat16. */
  readonly emulated: number;
  /** ‖float32 − real‖ / ‖real‖: what bfloat16 itself makes of it. */
  readonly float32: number;
  /** Share of the items of the batch for which emulated is not real bit by bit; null of what is of no single items. */
  readonly otherItems: number | null;
}

/** What is compared. */
export interface ComparedStep {
  readonly modelName: string;
  readonly first: FirstBatch;
  readonly monitoredLayers: readonly string[];
  /** Steps with the same batch before the one that is compared. */
  readonly stepsBefore: number;
}

/**
 * Does the same step three times, from the same weights with the same batch: in bfloat16 with
 * TensorFlow's own kernels, in bfloat16 with emulated products, and in float32.
 *
 * @returns  of every float32 output of the step with all rows monitored, and of the change of every variable
 */
export async function emulationErrors(
  engine: Engine,
  { modelName, first, monitoredLayers, stepsBefore }: ComparedStep,
): Promise<StepDistance[]> {
  const { input, batch } = first;
  const batchSize = batch.labels.length;
  const load = (runBy: Engine, computeType: 'float32' | 'bfloat16') =>
    TrainingStep.create(runBy, {
      ...{ modelName, input, computeType, monitoredLayers },
      ...{ selectionLayer: 'Logits', monitorsAllRows: true },
    });
  const emulating = await load(withEmulatedBfloat16(engine), 'bfloat16');
  for (let i = 0; i < stepsBefore; i++) await emulating.run(batch);
  const before = await emulating.session.run('read', {});
  const resultsOf = async (step: TrainingStep): Promise<[string, HostTensor][]> => {
    await step.session.run('assign', before);
    const outputs = Object.entries(await step.run(batch));
    const after = Object.entries(await step.session.run('read', {}));
    await step.session.close();
    return [
      ...outputs.filter(([, { data }]) => data instanceof Float32Array),
      ...after.map(([name, { data, shape }]): [string, HostTensor] => [
        `change of ${name}`,
        { data: data.map((value, i) => value - before[name]!.data[i]!), shape },
      ]),
    ];
  };
  const emulated = await resultsOf(emulating);
  const real = await resultsOf(await load(engine, 'bfloat16'));
  const float32 = await resultsOf(await load(engine, 'float32'));
  return real.map(([name, { data, shape }], i) => ({
    name,
    emulated: distance(emulated[i]![1].data, data),
    float32: distance(float32[i]![1].data, data),
    otherItems:
      shape[0] === batchSize ? shareOfOtherRows(emulated[i]![1].data, data, batchSize) : null,
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

/** Share of the rows in which two tensors are not the same. */
function shareOfOtherRows(a: HostTensor['data'], b: HostTensor['data'], rows: number): number {
  const length = b.length / rows;
  const isOther = (row: number) => {
    const [from, to] = [row * length, (row + 1) * length];
    return b.subarray(from, to).some((value, i) => value !== a[from + i]);
  };
  return Array.from({ length: rows }, (_, row) => row).filter(isOther).length / rows;
}
