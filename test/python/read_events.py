"""Reads folders of event files with TensorFlow's reader and TensorBoard's event accumulator.

    python test/python/read_events.py RUN_FOLDER...

Prints JSON, for each folder: each record (step, kind, tags, hash of each image) and what the
accumulator keeps.
"""
import glob
import hashlib
import json
import sys

import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator


def read_value(value):
    plugin = value.metadata.plugin_data.plugin_name
    entry = {'tag': value.tag, 'plugin': plugin}
    if plugin == 'images':
        width, height, *images = value.tensor.string_val
        entry['sha256'] = [hashlib.sha256(image).hexdigest() for image in images]
        entry['size'] = [int(width), int(height)]
    if plugin == 'scalars':
        array = tf.make_ndarray(value.tensor)
        entry['value'] = float(array)
        entry['type'] = [str(array.dtype), array.ndim]
    return entry


def read_records(folder):
    for file, path in enumerate(sorted(glob.glob(folder + '/*tfevents*'))):
        for event in tf.compat.v1.train.summary_iterator(path):
            values = [read_value(value) for value in event.summary.value]
            kind = event.WhichOneof('what')
            if kind == 'graph_def':
                graph = tf.compat.v1.GraphDef.FromString(event.graph_def)
                values = [{'nodes': len(graph.node)}]
            if kind == 'session_log':
                values = [{'status': event.session_log.status}]
            yield {'file': file, 'wallTime': event.wall_time, 'step': event.step, 'kind': kind,
                   'values': values}


def read_folder(folder):
    accumulator = event_accumulator.EventAccumulator(folder, size_guidance={'tensors': 0})
    accumulator.Reload()
    kept = {tag: len(accumulator.Tensors(tag)) for tag in accumulator.Tags()['tensors']}
    return {'records': list(read_records(folder)), 'kept': kept,
            'hasGraph': accumulator.Tags()['graph']}


print(json.dumps([read_folder(folder) for folder in sys.argv[1:]]))
