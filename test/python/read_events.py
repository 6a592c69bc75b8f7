"""Reads a folder of event files with TensorFlow's reader and TensorBoard's event accumulator.

    python test/python/read_events.py RUN_FOLDER

Prints JSON: each record (step, kind, tags, hash of each image) and what the accumulator keeps.
"""
import glob
import hashlib
import json
import sys

import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

folder = sys.argv[1]
records = []
for path in sorted(glob.glob(folder + '/*tfevents*')):
    for event in tf.compat.v1.train.summary_iterator(path):
        values = []
        for value in event.summary.value:
            plugin = value.metadata.plugin_data.plugin_name
            entry = {'tag': value.tag, 'plugin': plugin}
            if plugin == 'images':
                entry['sha256'] = hashlib.sha256(value.tensor.string_val[2]).hexdigest()
            if plugin == 'scalars':
                entry['value'] = float(tf.make_ndarray(value.tensor))
            values.append(entry)
        kind = event.WhichOneof('what')
        if kind == 'graph_def':
            graph = tf.compat.v1.GraphDef.FromString(event.graph_def)
            values = [{'nodes': len(graph.node)}]
        if kind == 'session_log':
            values = [{'status': event.session_log.status}]
        records.append({'step': event.step, 'kind': kind, 'values': values})

accumulator = event_accumulator.EventAccumulator(folder, size_guidance={'tensors': 0, 'images': 0})
accumulator.Reload()
kept = {tag: len(accumulator.Tensors(tag)) for tag in accumulator.Tags()['tensors']}
print(json.dumps({'records': records, 'kept': kept, 'hasGraph': accumulator.Tags()['graph']}))
