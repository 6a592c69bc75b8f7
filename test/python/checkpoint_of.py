"""Writes a checkpoint with given variables as TensorFlow's own Saver does, in several shards.

    python test/python/checkpoint_of.py FOLDER '{"NAME": {"shape": [3, 2], "start": 5}, …}'

With V1 as the third argument, in TensorFlow's old format. Each variable counts from its start; one with an "axis" is partitioned in two along it.
"""
import json
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()


def counting(start):
    def initializer(shape, dtype=None, partition_info=None):
        """A partition gets its part of the whole."""
        whole = partition_info.full_shape if partition_info else shape
        offset = partition_info.var_offset if partition_info else [0] * len(shape)
        values = start + np.arange(np.prod(whole), dtype=np.float32).reshape(whole)
        return tf.constant(values[tuple(slice(o, o + s) for o, s in zip(offset, shape))])
    return initializer


# Variables on two devices go to a shard each.
with tf.device('/cpu:0'):
    v1.get_variable('global_step', [], dtype=tf.int64, initializer=v1.constant_initializer(77))
for i, (name, variable) in enumerate(json.loads(sys.argv[2]).items()):
    partitioner = v1.fixed_size_partitioner(2, variable['axis']) if 'axis' in variable else None
    with tf.device('/cpu:%d' % (i % 2)):
        v1.get_variable(
            name, variable['shape'], initializer=counting(variable['start']), partitioner=partitioner)
with v1.Session(config=v1.ConfigProto(device_count={'CPU': 2})) as session:
    session.run(v1.global_variables_initializer())
    version = v1.train.SaverDef.V1 if 'V1' in sys.argv else v1.train.SaverDef.V2
    saver = v1.train.Saver(sharded=version == v1.train.SaverDef.V2, write_version=version)
    saver.save(session, sys.argv[1] + '/model.ckpt', 77)
print('{}')
