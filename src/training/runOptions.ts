/** What a run is asked to do. */
import type { ClusterOptions } from '../cluster/clusterPlace.ts';
import type { PrecisionChoice } from '../engines/precision.ts';
import type { EngineOptions } from '../engines/select.ts';
import type { StepSize } from '../epochs.ts';
import type { TrainingDataOptions } from '../input/trainingData.ts';
import type { OnNan } from '../model/onNan.ts';
import type { OptimizerOptions } from '../model/optimizerOptions.ts';
import type { AugmentationChoice } from '../preprocessing/itemInput.ts';
import type { ColorScale } from '../recording/colorScale.ts';
import type { ColormapName } from '../views/draw/colormap.ts';
import type { LearningRateOptions } from './learningRate.ts';

/** The flags that decide on where a run begins. */
export interface StartingPointOptions extends StepSize {
  readonly train_dir: string;
  readonly checkpoint_path: string | undefined;
  readonly checkpoint_exclude_scopes: readonly string[];
  readonly ignore_missing_vars: boolean;
  readonly trainable_scopes: readonly string[];
  readonly seed: number;
}

/** The flags of `losslens train`. */
export interface RunOptions
  extends TrainingDataOptions,
    OptimizerOptions,
    EngineOptions,
    ClusterOptions,
    Omit<StartingPointOptions, 'worker_hosts'>,
    Omit<LearningRateOptions, 'stepsPerEpoch' | 'lastStep'> {
  readonly num_clones: number;
  readonly use_grayscale: boolean;
  readonly augmentation: AugmentationChoice;
  readonly num_readers: number;
  readonly num_preprocessing_threads: number;
  readonly max_sequence_length: number | undefined;
  readonly vocabulary_size: number;
  readonly weight_decay: number;
  readonly label_smoothing: number;
  readonly freeze_batch_norm: boolean | undefined;
  readonly learning_rate_scopes: readonly string[];
  readonly moving_average_decay: number | undefined;
  readonly on_nan: OnNan;
  readonly eval_interval_epochs: number;
  readonly eval_split_name: string;
  readonly max_number_of_steps: number | undefined;
  readonly max_number_of_epochs: number | undefined;
  readonly hs: string | undefined;
  readonly rank_by: string;
  readonly ns: number;
  readonly class_quota: number | undefined;
  readonly hm: readonly string[];
  readonly max_monitored_items: number | undefined;
  readonly color_scale: ColorScale;
  readonly colormap: ColormapName;
  readonly monitor_overlay: boolean;
  readonly view_scale: number;
  readonly projector_items: number;
  readonly log_every_n_steps: number;
  readonly save_summaries_secs: number;
  readonly save_interval_secs: number;
  readonly save_interval_steps: number | undefined;
  readonly max_checkpoints: number;
  readonly precision: PrecisionChoice;
}
