"""Python TensorFlow's rate of training TF-Slim's LeNet: the bare tf.function step, one batch in memory.

    python lenet_step.py BATCH_SIZE STEPS

Waits for a line on standard input, trains STEPS steps, prints the items per second; and so on.
"""
import sys
import time

import numpy as np
import tensorflow as tf

batch_size, steps = int(sys.argv[1]), int(sys.argv[2])
generator = np.random.default_rng(0)


def weights(*shape):
    initial = np.clip(generator.normal(0, 0.1, shape), -0.2, 0.2)
    return tf.Variable(initial.astype(np.float32))


def biases(units):
    return tf.Variable(tf.zeros([units]))


conv1, conv1_biases = weights(5, 5, 1, 32), biases(32)
conv2, conv2_biases = weights(5, 5, 32, 64), biases(64)
fc3, fc3_biases = weights(3136, 1024), biases(1024)
fc4, fc4_biases = weights(1024, 10), biases(10)
variables = [conv1, conv1_biases, conv2, conv2_biases, fc3, fc3_biases, fc4, fc4_biases]


@tf.function
def train_step(images, labels):
    with tf.GradientTape() as tape:
        net = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, conv1, 1, 'SAME'), conv1_biases))
        net = tf.nn.max_pool2d(net, 2, 2, 'VALID')
        net = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(net, conv2, 1, 'SAME'), conv2_biases))
        net = tf.nn.max_pool2d(net, 2, 2, 'VALID')
        net = tf.nn.relu(tf.matmul(tf.reshape(net, [-1, 3136]), fc3) + fc3_biases)
        logits = tf.matmul(tf.nn.dropout(net, 0.5), fc4) + fc4_biases
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        variable.assign_sub(0.01 * gradient)
    return loss


images = tf.constant(generator.uniform(-1, 1, (batch_size, 28, 28, 1)).astype(np.float32))
labels = tf.constant(generator.integers(0, 10, batch_size).astype(np.int32))
for _ in range(20):
    train_step(images, labels)
print('ready', tf.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for _ in range(steps):
        loss = train_step(images, labels)
    loss.numpy()
    print(steps * batch_size / (time.perf_counter() - start), flush=True)
