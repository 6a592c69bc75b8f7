"""Reads folders of event files with TensorBoard's event accumulator, torn ends included.

    python test/python/read_views.py RUN_FOLDER...

Prints JSON, for each folder: by tag of images, and by step, the hashes of what is shown there.
"""
import hashlib
import json
import sys

from tensorboard.backend.event_processing import event_accumulator


def read_folder(folder):
    accumulator = event_accumulator.EventAccumulator(folder, size_guidance={'tensors': 0})
    accumulator.Reload()
    views = {}
    for tag in accumulator.Tags()['tensors']:
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name != 'images':
            continue
        steps = views[tag] = {}
        for event in accumulator.Tensors(tag):
            shown = hashlib.sha256(b''.join(event.tensor_proto.string_val)).hexdigest()
            steps.setdefault(str(event.step), []).append(shown)
    return views


print(json.dumps([read_folder(folder) for folder in sys.argv[1:]]))
