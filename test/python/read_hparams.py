"""Reads the hyperparameters of a run as TensorBoard's HParams tab does.

    python test/python/read_hparams.py RUN_FOLDER

Prints JSON: the hyperparameters, start and end in seconds since 1970, and the status.
"""
import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata

accumulator = event_accumulator.EventAccumulator(sys.argv[1])
accumulator.Reload()
content = accumulator.PluginTagToContent('hparams')
start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
hparams = {name: getattr(v, v.WhichOneof('kind')) for name, v in start.hparams.items()}
print(json.dumps({
    'hparams': hparams,
    'start': start.start_time_secs,
    'end': end.end_time_secs,
    'status': end.status,
}))
