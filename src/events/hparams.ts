/** Summaries for TensorBoard's HParams tab: what a run was asked to do, and that it has ended. */
import type { HParamsPluginData, HParamsValue } from '../messages.ts';
import { messageType } from '../protos.ts';
import type { SummaryValue } from './summaries.ts';

const pluginDataType = messageType('hparams.proto', 'HParamsPluginData');

/** A hyperparameter's value. */
export type HParam = number | string | boolean;

/** The data of this plugin are in the metadata; the value itself is empty. */
function hparamsSummary(name: string, data: HParamsPluginData): SummaryValue {
  return {
    tag: `_hparams_/${name}`,
    tensor: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 0 }] } },
    metadata: {
      plugin_data: {
        plugin_name: 'hparams',
        content: pluginDataType.encode({ version: 0, ...data }),
      },
    },
  };
}

function toValue(value: HParam): HParamsValue {
  if (typeof value === 'number') return { number_value: value };
  return typeof value === 'boolean' ? { bool_value: value } : { string_value: value };
}

/**
 * The hyperparameters of a run. Of each run's folder TensorBoard takes the first ones alone.
 *
 * @param startSeconds  since 1970
 */
export function hparamsStartSummary(
  hparams: Readonly<Record<string, HParam>>,
  startSeconds: number,
): SummaryValue {
  const values = Object.entries(hparams).map(([name, value]) => [name, toValue(value)] as const);
  return hparamsSummary('session_start_info', {
    session_start_info: {
      hparams: Object.fromEntries(values),
      start_time_secs: startSeconds,
    },
  });
}

/**
 * Says that a run has done all that it was asked to.
 *
 * @param endSeconds  since 1970
 */
export function hparamsEndSummary(endSeconds: number): SummaryValue {
  return hparamsSummary('session_end_info', {
    session_end_info: { status: 'STATUS_SUCCESS', end_time_secs: endSeconds },
  });
}
