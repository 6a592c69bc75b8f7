"""Computes with TensorFlow's GradientTape what losslens computes for texts in its training graph.

    python test/python/text_reference.py > test/insitu/textReference.golden.json

textcnn with weights and tokens that test/insitu/textContribution.test.ts makes by the same hash, one
batch with dropout: contribution of each item at all layers (Equ. 5), and the maps C and R over time
(Equ. 6, 7). Repeated tokens make windows equal: their maxima are ties.
"""
import json

import numpy as np
import tensorflow as tf

BATCH, TIME, WORDS, CLASSES, SEED = 6, 12, 40, 5, [3, 5]


def hashed(count, stream):
    """Numbers in [-1, 1) from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


SHAPES = [
    (WORDS, 64), (3, 64, 100), (100,), (4, 64, 100), (100,), (5, 64, 100), (100,),
    (300, CLASSES), (CLASSES,),
]
table, w3, b3, w4, b4, w5, b5, w, b = (
    tf.Variable((hashed(int(np.prod(shape)), stream + 1) * 0.2).astype(np.float32).reshape(shape))
    for stream, shape in enumerate(SHAPES)
)
tokens = 1 + np.floor((hashed(BATCH * TIME, 99) + 1) / 2 * (WORDS - 1)).astype(np.int32)
tokens = tokens.reshape(BATCH, TIME)
tokens[2, :] = 7  # one word, over and over
tokens[3, 5:] = 0  # padding
tokens[5, 1:] = 0
labels = np.arange(BATCH) * 3 % CLASSES

with tf.GradientTape() as tape:
    layers = {}

    def tap(name, tensor):
        layers[name] = tensor
        return tensor

    is_token = tf.cast(tokens > 0, tf.float32)[:, :, None]
    net = tap('embedding', tf.nn.embedding_lookup(table, tokens) * is_token)
    pools = []
    for name, kernel, bias in (('conv3', w3, b3), ('conv4', w4, b4), ('conv5', w5, b5)):
        conv = tf.nn.relu(tf.nn.conv1d(net, kernel, 1, 'SAME') + bias)
        pools.append(tf.reduce_max(tap(name, conv * is_token), 1))
    net = tap('pooled', tf.concat(pools, 1))
    keep = tf.floor(tf.random.stateless_uniform([BATCH, 300], SEED) + 0.5)
    net = tap('dropout', net * keep * 2)
    logits = tap('Logits', net @ w + b)
    item_loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    loss = tf.reduce_mean(item_loss)
gradients = tape.gradient(loss, [layers, table])


def rounded(values):
    return [float(f'{v:.8g}') for v in np.asarray(values).ravel()]


out = {
    'itemLoss': rounded(item_loss),
    'contribution': {},
    'maps': {},
    # Of all uses of a word together.
    'tableGradient': rounded(tf.reduce_sum(tf.convert_to_tensor(gradients[1]), 1)),
}
for name, f in layers.items():
    product = (f * gradients[0][name] * BATCH).numpy().astype(np.float64)
    out['contribution'][name] = rounded(product.reshape(BATCH, -1).sum(1))
    if product.ndim == 3:
        out['maps'][name] = {
            'C': rounded(np.maximum(product, 0).sum(-1)),
            'R': rounded(-np.minimum(product, 0).sum(-1)),
        }
print(json.dumps(out))
