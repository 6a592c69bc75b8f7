"""Computes with TensorFlow's GradientTape what `losslens inspect` prints, from the same checkpoints.

    python test/python/inspect_reference.py MNIST_FOLDER CASE...

A CASE is JSON: {"network": "lenet" or "residual" (that of test/commands/inspect.test.ts),
"checkpoint", "items": [...], "batchOf": [...]}. With batchOf both make one batch whose statistics
batch normalisation uses. Prints for each case
{"items": [{"item", "output", "layers": {name: {"contribution", "C", "R"}}}]}.
"""
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

folder = Path(sys.argv[1])
pixels = np.frombuffer((folder / 'train-images-idx3-ubyte').read_bytes(), np.uint8, offset=16)
labels = np.frombuffer((folder / 'train-labels-idx1-ubyte').read_bytes(), np.uint8, offset=8)


def lenet(net, v, tap, _):
    for i in (1, 2):
        scope = f'LeNet/conv{i}'
        net = tf.nn.conv2d(net, v(f'{scope}/weights'), 1, 'SAME') + v(f'{scope}/biases')
        net = tap(f'conv{i}', tf.nn.relu(net))
        net = tap(f'pool{i}', tf.nn.max_pool2d(net, 2, 2, 'VALID'))
    net = tap('Flatten', tf.reshape(net, [net.shape[0], -1]))
    net = tap('fc3', tf.nn.relu(net @ v('LeNet/fc3/weights') + v('LeNet/fc3/biases')))
    return tap('Logits', net @ v('LeNet/fc4/weights') + v('LeNet/fc4/biases'))


def residual(net, v, tap, in_training):
    def conv(x, name, stride):
        x = tf.nn.conv2d(x, v(f'Residual/{name}/weights'), stride, 'SAME')
        scope = f'Residual/{name}/BatchNorm'
        if in_training:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
        else:
            mean, variance = v(f'{scope}/moving_mean'), v(f'{scope}/moving_variance')
        return tf.nn.batch_normalization(
            x, mean, variance, v(f'{scope}/beta'), v(f'{scope}/gamma'), 1e-3)

    root = tap('root', tf.nn.relu(conv(net, 'root', 2)))
    inner = tap('inner', tf.nn.relu(conv(root, 'inner', 1)))
    unit = tap('unit', tf.nn.relu(conv(inner, 'branch', 1) + root))
    pooled = tap('pooled', tf.reduce_mean(unit, [1, 2]))
    return tap('Logits', pooled @ v('Residual/logits/weights') + v('Residual/logits/biases'))


def rounded(values):
    return [float(f'{x:.7g}') for x in np.asarray(values).ravel()]


def inspect(network, checkpoint, items, batchOf=()):
    batch = items + [i for i in batchOf if i not in items]
    images = tf.constant((pixels.reshape(-1, 28, 28, 1)[batch].astype(np.float32) - 128) / 128)
    layers = {}

    def tap(name, tensor):
        layers[name] = tensor
        return tensor

    with tf.GradientTape() as tape:
        tape.watch(images)
        v = tf.train.load_checkpoint(checkpoint).get_tensor
        logits = {'lenet': lenet, 'residual': residual}[network](images, v, tap, bool(batchOf))
        targets = labels[batch].astype(np.int32)
        loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    gradients = tape.gradient(loss, layers)

    def layer(name, row):
        product = (layers[name] * gradients[name]).numpy().astype(np.float64)[row]
        out = {'contribution': rounded(product.sum())[0]}
        if product.ndim == 3:
            for key, part in (('C', np.maximum(product, 0)), ('R', -np.minimum(product, 0))):
                total = part.sum(-1)
                out[key] = {'shape': list(total.shape), 'values': rounded(total)}
        return out

    return {'items': [
        {
            'item': item,
            'output': int(np.argmax(logits[row])),
            'layers': {name: layer(name, row) for name in layers},
        }
        for row, item in enumerate(items)
    ]}


print(json.dumps([inspect(**json.loads(case)) for case in sys.argv[2:]]))
