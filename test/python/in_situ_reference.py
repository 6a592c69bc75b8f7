"""Computes with TensorFlow's GradientTape what losslens computes in its training graph.

    python test/python/in_situ_reference.py > test/insitu/inSituReference.golden.json

LeNet with weights and images that test/insitu/reference.ts makes by the same hash, one batch with
dropout: contribution of each item at some layers (Equ. 5), and the maps C and R (Equ. 6, 7).
"""
import json

import numpy as np
import tensorflow as tf

BATCH, SEED, ROWS = 6, [3, 5], [1, 4]


def hashed(count, stream):
    """Numbers in [-1, 1) from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


SHAPES = [
    (5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,),
]
VARIABLES = [
    (hashed(int(np.prod(shape)), stream + 1) * 0.1).astype(np.float32).reshape(shape)
    for stream, shape in enumerate(SHAPES)
]
images = hashed(BATCH * 28 * 28, 99).astype(np.float32).reshape(BATCH, 28, 28, 1)
labels = np.arange(BATCH) * 3 % 10

w1, b1, w2, b2, w3, b3, w4, b4 = (tf.Variable(v) for v in VARIABLES)
with tf.GradientTape() as tape:
    layers = {}

    def tap(name, tensor):
        layers[name] = tensor
        return tensor

    net = tap('conv1', tf.nn.relu(tf.nn.conv2d(images, w1, 1, 'SAME') + b1))
    net = tap('pool1', tf.nn.max_pool2d(net, 2, 2, 'VALID'))
    net = tap('conv2', tf.nn.relu(tf.nn.conv2d(net, w2, 1, 'SAME') + b2))
    net = tap('pool2', tf.nn.max_pool2d(net, 2, 2, 'VALID'))
    net = tap('Flatten', tf.reshape(net, [BATCH, -1]))
    net = tap('fc3', tf.nn.relu(net @ w3 + b3))
    keep = tf.floor(tf.random.stateless_uniform([BATCH, 1024], SEED) + 0.5)
    net = tap('dropout3', net * keep * 2)
    logits = tap('Logits', net @ w4 + b4)
    item_loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    loss = tf.reduce_mean(item_loss)
gradients = tape.gradient(loss, layers)


def rounded(values):
    return [float(f'{v:.8g}') for v in np.asarray(values).ravel()]


out = {'itemLoss': rounded(item_loss), 'contribution': {}, 'maps': {}}
for name, f in layers.items():
    product = (f * gradients[name] * BATCH).numpy().astype(np.float64)
    out['contribution'][name] = rounded(product.reshape(BATCH, -1).sum(1))
    if name in ('pool1', 'pool2'):
        rows = product[ROWS]
        out['maps'][name] = {
            'C': rounded(np.maximum(rows, 0).sum(-1)),
            'R': rounded(-np.minimum(rows, 0).sum(-1)),
        }
print(json.dumps(out))
