"""Classifies images with an exported SavedModel, as who serves it would.

    python test/python/saved_model_predict.py MODEL_FOLDER CHANNELS IMAGE…

Prints the probabilities of each image as JSON.
"""
import json
import sys

import numpy as np
import tensorflow as tf

folder, channels, *paths = sys.argv[1:]
serve = tf.saved_model.load(folder).signatures['serving_default']
images = np.stack([
    tf.io.decode_png(tf.io.read_file(path), int(channels)).numpy() for path in paths
])
print(json.dumps(serve(images=tf.constant(images))['probabilities'].numpy().tolist()))
