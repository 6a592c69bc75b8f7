"""Prints what tf.train.load_checkpoint reads of a folder's latest checkpoint, as JSON.

    python test/python/checkpoint_read.py FOLDER
"""
import json
import sys

import tensorflow as tf

latest = tf.train.latest_checkpoint(sys.argv[1])
reader = tf.train.load_checkpoint(latest)
print(json.dumps({
    'latest': latest,
    'variables': {
        name: {'shape': shape, 'sum': float(reader.get_tensor(name).sum())}
        for name, shape in tf.train.list_variables(latest)
    },
}))
