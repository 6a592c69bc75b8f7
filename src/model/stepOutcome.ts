/** What a training step returned, decoded once. */
import type { HostTensor } from '../engines/engine.ts';
import { type MonitoredLayer, monitoredLayerOf, rowOf } from '../insitu/monitoredLayer.ts';
import { type LayerStatistic, readLayerStatistics } from './layerStatistics.ts';
import type { TrainingGraph } from './trainingGraph.ts';

/** What is known of a monitored row. */
export interface MonitoredRow {
  /** The item as the network saw it. */
  readonly input: HostTensor;
  /** In network order. */
  readonly layers: readonly MonitoredLayer[];
}

/** What is known of a batch after its step; rows are those of the batch. */
export interface StepOutcome {
  /** Whether loss and derivatives are finite; else the step has changed no variable. */
  readonly isFinite: boolean;
  /** Mean over the batch with regularisation, in nats. */
  readonly loss: number;
  /** Mean over the batch without it, in nats. */
  readonly crossEntropy: number;
  /** The class that the network gave each item, [n]. */
  readonly output: HostTensor['data'];
  /** The probability of that class, 0..1, [n]. */
  readonly outputProbability: HostTensor['data'];
  /** With a selection layer; null without. */
  readonly selection: {
    /** As `itemScores` packs them, [scores·n]. */
    readonly scores: HostTensor['data'];
    /** 0..1, [n, classes] */
    readonly probabilities: HostTensor['data'];
  } | null;
  /** For each monitored row, in their order: what the network saw, and made of it. */
  readonly monitored: readonly MonitoredRow[];
  /** Empty but for a step with summaries. */
  readonly statistics: readonly LayerStatistic[];
}

/** Whether loss and derivatives of a step are finite, from its outputs. */
export function isFiniteStep(outputs: Readonly<Record<string, HostTensor>>): boolean {
  return outputs['is_finite']!.data[0] === 1;
}

/**
 * Decodes the outputs of the entry points `train`, `train_all_rows` and `train_with_summaries`.
 *
 * @param monitoredRows  where the monitored rows are in what was returned of rows
 */
export function decodeStep(
  outputs: Readonly<Record<string, HostTensor>>,
  { selectionLayer, monitoredLayers }: Pick<TrainingGraph, 'selectionLayer' | 'monitoredLayers'>,
  monitoredRows: Iterable<number>,
): StepOutcome {
  const data = (name: string) => outputs[name]!.data;
  return {
    isFinite: isFiniteStep(outputs),
    loss: data('total_loss')[0]!,
    crossEntropy: data('cross_entropy')[0]!,
    output: data('output'),
    outputProbability: data('output_probability'),
    selection:
      selectionLayer === null
        ? null
        : { scores: data('scores'), probabilities: data('probabilities') },
    monitored: Array.from(monitoredRows, (row) => ({
      input: rowOf(outputs['monitored_input']!, row),
      layers: monitoredLayers.map((name) => monitoredLayerOf(name, outputs, row)),
    })),
    statistics: readLayerStatistics(outputs),
  };
}
