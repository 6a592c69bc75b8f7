"""Runs networks forward with TensorFlow's own functions.

    python test/python/networks_reference.py > test/nets/networks.golden.json

Images and variables come from the same hash as in test/nets/forward.test.ts, each variable from a
stream that its name gives. Of each layer the sum and the sum of squares are kept, of the logits all.
"""
import json
import zlib

import numpy as np
import tensorflow as tf

BATCH, SIDE, CLASSES = 3, 32, 10


def hashed(count, stream):
    """Numbers in [-1, 1) from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


def variable(name, *shape):
    """The variable of this name: kernels and matrices keep the size of what they are given."""
    values = hashed(int(np.prod(shape)), zlib.crc32(name.encode()) & 0xFFFF)
    leaf = name.split('/')[-1]
    if leaf in ('weights', 'kernel'):
        values = values * np.sqrt(6 / np.prod(shape[:-1]))
    elif leaf == 'depthwise_kernel':
        values = values * np.sqrt(6 / np.prod(shape[:2]))
    elif leaf in ('gamma', 'moving_variance'):
        values = 1 + 0.3 * values
    else:
        values = 0.1 * values
    return tf.constant(values.reshape(shape), tf.float32)


IMAGES = tf.constant(hashed(BATCH * SIDE * SIDE * 3, 7).reshape(BATCH, SIDE, SIDE, 3), tf.float32)


def normalized(x, scope, epsilon):
    """Batch normalisation with the moving statistics."""
    gamma, beta, mean, variance = (variable(f'{scope}/{leaf}', x.shape[3]) for leaf in
                                   ('gamma', 'beta', 'moving_mean', 'moving_variance'))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def cifarnet():
    layers = {}

    def convolution(x, name, filters):
        scope = f'CifarNet/{name}'
        weights = variable(f'{scope}/weights', 5, 5, x.shape[3], filters)
        biases = variable(f'{scope}/biases', filters)
        return tf.nn.relu(tf.nn.conv2d(x, weights, 1, 'SAME') + biases)

    def dense(x, name, units):
        scope = f'CifarNet/{name}'
        weights = variable(f'{scope}/weights', x.shape[1], units)
        return x @ weights + variable(f'{scope}/biases', units)

    def lrn(x):
        return tf.nn.local_response_normalization(x, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)

    layers['conv1'] = net = convolution(IMAGES, 'conv1', 64)
    layers['pool1'] = net = tf.nn.max_pool2d(net, 2, 2, 'VALID')
    layers['conv2'] = net = convolution(lrn(net), 'conv2', 64)
    layers['pool2'] = net = tf.nn.max_pool2d(lrn(net), 2, 2, 'VALID')
    net = tf.reshape(net, [BATCH, -1])
    layers['fc3'] = net = tf.nn.relu(dense(net, 'fc3', 384))
    layers['fc4'] = net = tf.nn.relu(dense(net, 'fc4', 192))
    layers['Logits'] = dense(net, 'logits', CLASSES)
    return layers, layers['Logits']


def resnet_v1_50(is_training):
    layers = {}

    def convolution(x, scope, filters, kernel, stride, relu=True):
        if stride > 1:
            total = kernel - 1
            border = [total // 2, total - total // 2]
            x = tf.pad(x, [[0, 0], border, border, [0, 0]])
        weights = variable(f'{scope}/weights', kernel, kernel, x.shape[3], filters)
        x = tf.nn.conv2d(x, weights, stride, 'SAME' if stride == 1 else 'VALID')
        norm = {k: variable(f'{scope}/BatchNorm/{k}', filters)
                for k in ('gamma', 'beta', 'moving_mean', 'moving_variance')}
        mean, variance = norm['moving_mean'], norm['moving_variance']
        if is_training:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
        x = tf.nn.batch_normalization(x, mean, variance, norm['beta'], norm['gamma'], 1e-5)
        return tf.nn.relu(x) if relu else x

    root = 'resnet_v1_50'
    layers[f'{root}/conv1'] = net = convolution(IMAGES, f'{root}/conv1', 64, 7, 2)
    net = tf.nn.max_pool2d(net, 3, 2, 'SAME')
    for block, units in enumerate((3, 4, 6, 3), 1):
        base = 64 * 2 ** (block - 1)
        for unit in range(1, units + 1):
            scope = f'{root}/block{block}/unit_{unit}/bottleneck_v1'
            stride = 2 if unit == units and block < 4 else 1
            if unit == 1:
                shortcut = convolution(net, f'{scope}/shortcut', 4 * base, 1, 1, relu=False)
            else:
                shortcut = net[:, ::stride, ::stride]
            inner = convolution(net, f'{scope}/conv1', base, 1, 1)
            inner = convolution(inner, f'{scope}/conv2', base, 3, stride)
            inner = convolution(inner, f'{scope}/conv3', 4 * base, 1, 1, relu=False)
            net = tf.nn.relu(shortcut + inner)
        layers[f'{root}/block{block}'] = net
    layers['global_pool'] = net = tf.reduce_mean(net, [1, 2])
    weights = variable(f'{root}/logits/weights', 1, 1, net.shape[1], CLASSES)
    logits = net @ weights[0, 0] + variable(f'{root}/logits/biases', CLASSES)
    return layers, logits


def resnet_v1_20():
    """He et al. 2015, section 4.2, with shortcuts of option A; batch normalisation as outside of training."""
    layers = {}

    def convolution(x, scope, filters, stride=1, relu=True):
        weights = variable(f'{scope}/weights', 3, 3, x.shape[3], filters)
        x = tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), weights, stride, 'VALID')
        x = normalized(x, f'{scope}/BatchNorm', 1e-5)
        return tf.nn.relu(x) if relu else x

    root = 'resnet_v1_20'
    layers[f'{root}/conv1'] = net = convolution(IMAGES, f'{root}/conv1', 16)
    for block, depth in enumerate((16, 32, 64), 1):
        for unit in (1, 2, 3):
            scope = f'{root}/block{block}/unit_{unit}/basic_v1'
            stride = 2 if unit == 1 and block > 1 else 1
            shortcut = net[:, ::stride, ::stride]
            shortcut = tf.pad(shortcut, [[0, 0]] * 3 + [[0, depth - shortcut.shape[3]]])
            inner = convolution(net, f'{scope}/conv1', depth, stride)
            net = tf.nn.relu(shortcut + convolution(inner, f'{scope}/conv2', depth, relu=False))
        layers[f'{root}/block{block}'] = net
    layers['global_pool'] = net = tf.reduce_mean(net, [1, 2])
    weights = variable(f'{root}/logits/weights', 1, 1, net.shape[1], CLASSES)
    return layers, net @ weights[0, 0] + variable(f'{root}/logits/biases', CLASSES)


def efficientnet_lite0():
    """The blocks of tensorflow/tpu, models/official/efficientnet/lite, outside of training."""
    layers = {}
    root = 'efficientnet-lite0'

    def finished(x, scope, count, relu6):
        number = f'_{count}' if count > 0 else ''
        x = normalized(x, f'{scope}/tpu_batch_normalization{number}', 1e-3)
        return tf.nn.relu6(x) if relu6 else x

    def convolution(x, scope, name, filters, count, kernel=1, stride=1, relu6=True):
        weights = variable(f'{scope}/{name}/kernel', kernel, kernel, x.shape[3], filters)
        return finished(tf.nn.conv2d(x, weights, stride, 'SAME'), scope, count, relu6)

    net = convolution(IMAGES, f'{root}/stem', 'conv2d', 32, 0, kernel=3, stride=2)
    layers['stem'] = net
    index = 0
    for repeats, kernel, first_stride, expansion, filters in (
            (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
            (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)):
        for repeat in range(repeats):
            scope = f'{root}/blocks_{index}'
            stride = first_stride if repeat == 0 else 1
            block, expands = net, expansion > 1
            if expands:
                net = convolution(net, scope, 'conv2d', net.shape[3] * expansion, 0)
            weights = variable(f'{scope}/depthwise_conv2d/depthwise_kernel', kernel, kernel,
                               net.shape[3], 1)
            net = tf.nn.depthwise_conv2d(net, weights, [1, stride, stride, 1], 'SAME')
            net = finished(net, scope, int(expands), True)
            layers[f'block_{index}/expansion_output'] = net
            name = 'conv2d_1' if expands else 'conv2d'
            net = convolution(net, scope, name, filters, 1 + expands, relu6=False)
            if stride == 1 and block.shape[3] == filters:
                net += block
            layers[f'block_{index}'] = net
            index += 1
    layers['features'] = net
    layers['head_1x1'] = net = convolution(net, f'{root}/head', 'conv2d', 1280, 0)
    layers['global_pool'] = net = tf.reduce_mean(net, [1, 2])
    weights = variable(f'{root}/head/dense/kernel', 1280, CLASSES)
    return layers, net @ weights + variable(f'{root}/head/dense/bias', CLASSES)


def summary(layers, logits):
    sums = {}
    for name, layer in layers.items():
        values = layer.numpy().astype(np.float64)
        sums[name] = [float(f'{values.sum():.8g}'), float(f'{(values ** 2).sum():.8g}')]
    return {'layers': sums, 'logits': [float(f'{v:.8g}') for v in logits.numpy().ravel()]}


# Of the batch's statistics the first blocks alone: later ones normalise a few numbers each, whose
# variance magnifies rounding.
training_layers, _ = resnet_v1_50(is_training=True)
first_layers = {name: layer for name, layer in training_layers.items()
                if name.endswith(('/conv1', '/block1', '/block2'))}
print(json.dumps({
    'resnet_v1_50 in training': summary(first_layers, tf.zeros([0])),
    'cifarnet': summary(*cifarnet()),
    'resnet_v1_50': summary(*resnet_v1_50(is_training=False)),
    'resnet_v1_20': summary(*resnet_v1_20()),
    'efficientnet_lite0': summary(*efficientnet_lite0()),
}))
