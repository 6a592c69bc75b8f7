"""A training step that bench/exportStep.ts has written, in a TensorFlow session."""
import json
import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2


class ExportedStep:
    """Holds the session with the weights assigned; `run` trains one step."""

    def __init__(self, folder):
        saved = saved_model_pb2.SavedModel()
        with open(os.path.join(folder, 'saved_model.pb'), 'rb') as file:
            saved.ParseFromString(file.read())
        meta = saved.meta_graphs[0]
        with open(os.path.join(folder, 'feeds.json')) as file:
            described = json.load(file)
        elements = np.fromfile(os.path.join(folder, 'feeds.bin'), np.uint8)
        offset = 0
        feeds = {}
        for signature, values in described.items():
            inputs = meta.signature_def[signature].inputs
            feeds[signature] = {}
            for key, (dtype, shape) in values.items():
                size = 4 * int(np.prod(shape))
                value = elements[offset:offset + size].view(dtype).reshape(shape)
                feeds[signature][inputs[key].name] = value
                offset += size
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(meta.graph_def, name='')
        self.session = tf.compat.v1.Session(graph=graph)
        assign = meta.signature_def['assign'].outputs['done'].name
        self.session.run(assign, feeds['assign'])
        self.feeds = feeds['train']
        self.fetches = {key: info.name for key, info in meta.signature_def['train'].outputs.items()}

    def run(self, **options):
        return self.session.run(self.fetches, self.feeds, **options)
