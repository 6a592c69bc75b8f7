"""Writes a checkpoint as TensorFlow's own Saver does: plain and partitioned variables.

    python test/python/checkpoint_write.py FOLDER
"""
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()


def counting(shape, dtype=None, partition_info=None):
    """0, 1, 2, … over the whole variable; a partition gets its part."""
    whole = partition_info.full_shape if partition_info else shape
    offset = partition_info.var_offset if partition_info else [0] * len(shape)
    values = np.arange(np.prod(whole), dtype=np.float32).reshape(whole)
    return tf.constant(values[tuple(slice(o, o + s) for o, s in zip(offset, shape))])


v1.get_variable('rows', [7, 5], initializer=counting, partitioner=v1.fixed_size_partitioner(3, 0))
v1.get_variable('columns', [4, 150], initializer=counting, partitioner=v1.fixed_size_partitioner(2, 1))
v1.get_variable('LeNet/conv1/weights', [5, 5, 1, 32], initializer=counting)
v1.get_variable('global_step', [], dtype=tf.int64, initializer=v1.constant_initializer(7))
with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    v1.train.Saver(sharded=True).save(session, sys.argv[1] + '/model.ckpt', 7)
print('{}')
