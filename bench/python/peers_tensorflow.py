"""TensorFlow's own training step: a tf.function, as one writes it for speed.

    python peers_tensorflow.py MODEL BATCH_SIZE PRECISION [jit]

MODEL: lenet, cifarnet or resnet_v1_50 of TF-Slim. PRECISION: float32, or mixed_bfloat16 as Keras has it: all
layers in bfloat16; weights, statistics, logits and loss in float32. `jit` compiles the step with XLA. Plain
stochastic gradient descent without weight decay.
"""
import sys

import numpy as np
import tensorflow as tf

from contestant import batch_of, serve

model, batch_size, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
compute_type = tf.bfloat16 if precision == 'mixed_bfloat16' else tf.float32
generator = np.random.default_rng(0)
variables = {}


def variable(name, shape, stddev=None, value=0.0):
    if name not in variables:
        first = np.full(shape, value) if stddev is None else np.clip(generator.normal(0, stddev, shape), -2 * stddev, 2 * stddev)
        variables[name] = tf.Variable(first.astype(np.float32), name=name)
    return variables[name]


def computed(x):
    return tf.cast(x, compute_type)


def conv(x, name, filters, kernel, stddev, stride=1, bias=True):
    x = computed(x)
    weights = computed(variable(f'{name}/weights', (kernel, kernel, x.shape[-1], filters), stddev))
    if kernel > 1 and stride > 1:
        before = (kernel - 1) // 2
        border = [before, kernel - 1 - before]
        x = tf.pad(x, [[0, 0], border, border, [0, 0]])
    y = tf.nn.conv2d(x, weights, stride, 'SAME' if stride == 1 or kernel == 1 else 'VALID')
    return tf.nn.bias_add(y, computed(variable(f'{name}/biases', (filters,)))) if bias else y


def dense(x, name, units, stddev, bias=0.0, dtype=None):
    dtype = dtype or compute_type
    weights = variable(f'{name}/weights', (x.shape[-1], units), stddev)
    product = tf.matmul(tf.cast(x, dtype), tf.cast(weights, dtype))
    return tf.nn.bias_add(product, tf.cast(variable(f'{name}/biases', (units,), value=bias), dtype))


def flat(x):
    return tf.reshape(x, [x.shape[0], -1])


def norm(x):
    # There is no bfloat16 kernel for CPUs.
    y = tf.nn.local_response_normalization(tf.cast(x, tf.float32), 4, 1.0, 0.001 / 9, 0.75)
    return tf.cast(y, x.dtype)


def pool(x, window=2, padding='VALID'):
    return tf.nn.max_pool2d(x, window, 2, padding)


def lenet(images):
    net = pool(tf.nn.relu(conv(images, 'conv1', 32, 5, 0.1)))
    net = pool(tf.nn.relu(conv(net, 'conv2', 64, 5, 0.1)))
    net = tf.nn.relu(dense(flat(net), 'fc3', 1024, 0.1))
    return dense(tf.nn.dropout(net, 0.5), 'fc4', 10, 0.1, dtype=tf.float32)


def cifarnet(images):
    net = norm(pool(tf.nn.relu(conv(images, 'conv1', 64, 5, 0.05))))
    net = pool(norm(tf.nn.relu(conv(net, 'conv2', 64, 5, 0.05))))
    net = tf.nn.relu(dense(flat(net), 'fc3', 384, 0.04, 0.1))
    net = tf.nn.relu(dense(tf.nn.dropout(net, 0.5), 'fc4', 192, 0.04, 0.1))
    return dense(net, 'logits', 10, 1 / 192, dtype=tf.float32)


moving_averages = []


def normalized_conv(x, name, filters, kernel, stride=1):
    y = conv(x, name, filters, kernel, np.sqrt(2.6 / (kernel * kernel * x.shape[-1])), stride, bias=False)
    gamma, beta = variable(f'{name}/gamma', (filters,), value=1.0), variable(f'{name}/beta', (filters,))
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(y, gamma, beta, epsilon=1e-5, is_training=True)
    for statistic, start in (('mean', 0.0), ('variance', 1.0)):
        key = f'{name}/moving_{statistic}'
        if key not in averages:
            averages[key] = tf.Variable(tf.fill([filters], start), trainable=False)
    moving_averages.extend([(averages[f'{name}/moving_mean'], mean), (averages[f'{name}/moving_variance'], variance)])
    return y


averages = {}


def resnet_v1_50(images):
    moving_averages.clear()
    net = pool(tf.nn.relu(normalized_conv(images, 'conv1', 64, 7, 2)), 3, 'SAME')
    for block, units in enumerate((3, 4, 6, 3)):
        depth = 64 * 2**block
        for unit in range(units):
            name = f'block{block + 1}/unit_{unit + 1}'
            stride = 2 if unit == units - 1 and block < 3 else 1
            shortcut = net
            if net.shape[-1] != 4 * depth:
                shortcut = normalized_conv(net, f'{name}/shortcut', 4 * depth, 1, stride)
            elif stride > 1:
                shortcut = tf.nn.max_pool2d(net, 1, stride, 'SAME')
            inner = tf.nn.relu(normalized_conv(net, f'{name}/conv1', depth, 1))
            inner = tf.nn.relu(normalized_conv(inner, f'{name}/conv2', depth, 3, stride))
            net = tf.nn.relu(shortcut + normalized_conv(inner, f'{name}/conv3', 4 * depth, 1))
    pooled = tf.reduce_mean(tf.cast(net, tf.float32), [1, 2])
    return dense(pooled, 'logits', 10, 0.03, dtype=tf.float32)


network = {'lenet': lenet, 'cifarnet': cifarnet, 'resnet_v1_50': resnet_v1_50}[model]
images, labels = (tf.constant(value) for value in batch_of(model, batch_size))
network(images)


def train_step(images, labels):
    weights = list(variables.values())
    with tf.GradientTape() as tape:
        logits = network(images)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    for weight, gradient in zip(weights, tape.gradient(loss, weights)):
        weight.assign_sub(0.01 * gradient)
    for average, value in moving_averages:
        average.assign_sub(0.003 * (average - value))
    return loss


step = tf.function(train_step, jit_compile='jit' in sys.argv[4:])
serve(lambda: step(images, labels).numpy(), f'TensorFlow {tf.__version__}')
