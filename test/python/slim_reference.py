"""Runs networks and does one training step of them with TF-Slim's own code.

    python test/python/slim_reference.py > test/nets/slim.golden.json

needs pip's tf-slim and tf-keras beside TensorFlow. What pip's tf-slim lacks, the MobileNets, are put
together here from its layers, with the arguments of tensorflow/models, research/slim/nets.

Images and variables come from the same hash as in test/nets/slim.test.ts, each variable from a stream
that its name gives. For the step, offsets of batch normalisations are large and their scales small, so
that hardly any ReLU is near its edge, and dropout is off. Logits, losses and gradients are computed in
float64; the moving statistics in float32, as only the fused normalisation takes the unbiased variance.

Of each end point outside of training the norm is kept; of each variable its shape and, of its gradient
or its new value, the norm and the product with numbers of the hash.
"""
import json
import os
import sys
import zlib

os.environ['TF_USE_LEGACY_KERAS'] = '1'
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import numpy as np
import tensorflow as tf
import tf_keras.src.legacy_tf_layers.normalization
# Where TensorFlow looks for it.
sys.modules['tf_keras.legacy_tf_layers'] = tf_keras.src.legacy_tf_layers
import tf_slim as slim
from tf_slim.nets import inception_v3, resnet_v2, vgg

v1 = tf.compat.v1
v1.disable_eager_execution()

CLASSES = 10
WEIGHT_DECAY = 0.0001


def hashed(count, stream):
    """Numbers in [-1, 1) from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


def stream(name):
    return zlib.crc32(name.encode()) & 0xFFFF


def value_of(name, shape, offset):
    """The first value of this variable, rounded to float32."""
    values = hashed(int(np.prod(shape)), stream(name))
    leaf = name.split('/')[-1]
    if leaf in ('weights', 'depthwise_weights'):
        fan_in = np.prod(shape[:2] if leaf == 'depthwise_weights' else shape[:-1])
        values = values * np.sqrt(3 / fan_in)
    elif leaf == 'gamma':
        values = 0.5 + 0.15 * values
    elif leaf == 'beta':
        values = offset + 0.1 * values
    elif leaf == 'moving_variance':
        values = 1 + 0.3 * values
    else:
        values = 0.1 * values
    return values.astype(np.float32).reshape(shape)


def mobilenet_v1(images, num_classes, dropout_keep_prob, is_training):
    params = {'center': True, 'scale': True, 'decay': 0.9997, 'epsilon': 0.001}
    layers = [slim.conv2d, slim.separable_conv2d]
    with slim.arg_scope(layers, padding='SAME', activation_fn=tf.nn.relu6,
                        normalizer_fn=slim.batch_norm), \
            slim.arg_scope([slim.batch_norm], is_training=is_training, **params), \
            slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(WEIGHT_DECAY)), \
            v1.variable_scope('MobilenetV1'):
        net = slim.conv2d(images, 32, [3, 3], stride=2, scope='Conv2d_0')
        end_points = {'Conv2d_0': net}
        depths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
        for i, depth in enumerate(depths, 1):
            net = slim.separable_conv2d(net, None, [3, 3], depth_multiplier=1,
                                        stride=2 if i in (2, 4, 6, 12) else 1,
                                        scope=f'Conv2d_{i}_depthwise')
            end_points[f'Conv2d_{i}_depthwise'] = net
            net = slim.conv2d(net, depth, [1, 1], scope=f'Conv2d_{i}_pointwise')
            end_points[f'Conv2d_{i}_pointwise'] = net
        with v1.variable_scope('Logits'):
            side = min(7, int(net.shape[1]))
            net = slim.avg_pool2d(net, [side, side], padding='VALID', scope='AvgPool_1a')
            end_points['AvgPool_1a'] = net
            logits = slim.conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
                                 scope='Conv2d_1c_1x1')
            return tf.squeeze(logits, [1, 2]), end_points


def mobilenet_v2(images, num_classes, dropout_keep_prob, is_training):
    layers = [slim.conv2d, slim.separable_conv2d]
    with slim.arg_scope(layers, padding='SAME', activation_fn=tf.nn.relu6,
                        normalizer_fn=slim.batch_norm), \
            slim.arg_scope([slim.batch_norm], center=True, scale=True, decay=0.997,
                           is_training=is_training), \
            slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(WEIGHT_DECAY)), \
            v1.variable_scope('MobilenetV2'):
        net = slim.conv2d(images, 32, [3, 3], stride=2)
        end_points = {'layer_1': net}
        blocks = [(1, 16), (2, 24), (1, 24), (2, 32), (1, 32), (1, 32), (2, 64), (1, 64), (1, 64),
                  (1, 64), (1, 96), (1, 96), (1, 96), (2, 160), (1, 160), (1, 160), (1, 320)]
        for i, (stride, depth) in enumerate(blocks):
            with v1.variable_scope(None, default_name='expanded_conv'):
                block = net
                if i > 0:
                    net = slim.conv2d(net, 6 * int(net.shape[3]), [1, 1], scope='expand')
                    end_points[f'layer_{i + 2}/expansion_output'] = net
                net = slim.separable_conv2d(net, None, [3, 3], depth_multiplier=1, stride=stride,
                                            scope='depthwise')
                end_points[f'layer_{i + 2}/depthwise_output'] = net
                net = slim.conv2d(net, depth, [1, 1], activation_fn=tf.identity, scope='project')
                if stride == 1 and block.shape[3] == depth:
                    net += block
                end_points[f'layer_{i + 2}'] = end_points[f'layer_{i + 2}/output'] = net
        net = slim.conv2d(net, 1280, [1, 1])
        end_points['layer_19'] = net
        with v1.variable_scope('Logits'):
            side = int(net.shape[1])
            net = tf.nn.avg_pool2d(net, side, 1, 'VALID')
            end_points['global_pool'] = net
            logits = slim.conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
                                 scope='Conv2d_1c_1x1')
            return tf.squeeze(logits, [1, 2]), end_points


def with_scope(arg_scope, network):
    def build(images, num_classes, dropout_keep_prob, is_training):
        with slim.arg_scope(arg_scope(weight_decay=WEIGHT_DECAY)):
            return network(images, num_classes, dropout_keep_prob=dropout_keep_prob,
                           is_training=is_training)
    return build


def resnet_v2_50(images, num_classes, dropout_keep_prob, is_training):
    with slim.arg_scope(resnet_v2.resnet_arg_scope(weight_decay=WEIGHT_DECAY)):
        logits, end_points = resnet_v2.resnet_v2_50(images, num_classes, is_training=is_training)
        return tf.squeeze(logits, [1, 2]), end_points


def inception_arg_scope(weight_decay):
    return inception_v3.inception_v3_arg_scope(weight_decay, use_fused_batchnorm=None)


# Network, side of the images, their number, and offset of the normalisations.
NETWORKS = {
    'mobilenet_v1': (mobilenet_v1, 96, 4, 3),
    'mobilenet_v2': (mobilenet_v2, 96, 4, 3),
    'resnet_v2_50': (resnet_v2_50, 64, 4, 4),
    'inception_v3': (with_scope(inception_arg_scope, inception_v3.inception_v3), 299, 2, 4),
    'vgg_16': (with_scope(vgg.vgg_arg_scope, vgg.vgg_16), 224, 2, 0),
}


def summary(name, value):
    product = hashed(value.size, stream(name) + 1) @ value.astype(np.float64).ravel()
    return [float(f'{np.linalg.norm(value):.7g}'), float(f'{product:.7g}')]


def build(name, dtype, is_training):
    """Number of items, logits and end points, in the default graph."""
    network, side, batch, _ = NETWORKS[name]
    pixels = hashed(batch * side * side * 3, 7).reshape(batch, side, side, 3).astype(np.float32)
    with slim.arg_scope([slim.batch_norm], fused=dtype == np.float32):
        return batch, *network(tf.constant(pixels.astype(dtype)), CLASSES, 1.0, is_training)


def load(session, dtype, offset):
    for v in v1.global_variables():
        v.load(value_of(v.op.name, v.shape.as_list(), offset).astype(dtype), session)


def predict(name):
    """Logits and norms of the end points outside of training."""
    with tf.Graph().as_default(), v1.Session() as session:
        _, logits, end_points = build(name, np.float64, False)
        load(session, np.float64, 0)
        logits, end_points = session.run([logits, end_points])
        norms = {key: float(f'{np.linalg.norm(v):.7g}') for key, v in end_points.items()}
        return logits, norms


def step(name, dtype):
    """Variables, loss, gradients and new moving statistics."""
    with tf.Graph().as_default(), v1.Session() as session:
        batch, logits, end_points = build(name, dtype, True)
        labels = tf.one_hot(np.arange(batch) % CLASSES, CLASSES, dtype=dtype)
        cross_entropy = lambda z: tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, z))
        loss = cross_entropy(logits) + tf.add_n(v1.losses.get_regularization_losses())
        if 'AuxLogits' in end_points:
            loss += 0.4 * cross_entropy(end_points['AuxLogits'])
        trainable = v1.trainable_variables()
        moving = [v for v in v1.global_variables() if v not in trainable]
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        gradients = tf.gradients(loss, trainable)
        load(session, dtype, NETWORKS[name][3])
        total, gradients = session.run([loss, gradients])
        session.run(updates)
        new = dict(zip([v.op.name for v in moving], session.run(moving)))
        gradients = dict(zip([v.op.name for v in trainable], gradients))
        return v1.global_variables(), total, gradients, new


def reference(name):
    logits, end_points = predict(name)
    variables, loss, gradients, _ = step(name, np.float64)
    *_, moving = step(name, np.float32)
    values = {**gradients, **moving}
    return {
        'logits': [float(f'{v:.8g}') for v in logits.ravel()],
        'endPoints': end_points,
        'loss': float(f'{loss:.9g}'),
        'variables': {v.op.name: [v.shape.as_list(), *summary(v.op.name, values[v.op.name])]
                      for v in variables},
    }


if __name__ == '__main__':
    # VGG-16 has too many parameters for a test of every day: by name alone.
    names = sys.argv[1:] or [name for name in NETWORKS if name != 'vgg_16']
    references = [f'{json.dumps(name)}: {json.dumps(reference(name))}' for name in names]
    print('{' + ',\n'.join(references) + '}')
