"""Floating-point operations by op as TensorFlow's profiler counts them: flops.py GRAPHDEF BATCH_SIZE

Prints a JSON object; ops that it does not count are left out.
"""

import collections
import json
import sys

import tensorflow as tf
from tensorflow.python.framework import ops

path, batch_size = sys.argv[1], int(sys.argv[2])
graph_def = tf.compat.v1.GraphDef()
with open(path, "rb") as file:
    graph_def.ParseFromString(file.read())
for node in graph_def.node:
    node.attr.pop("_output_shapes", None)
    if node.op == "Placeholder":
        for dim in node.attr["shape"].shape.dim:
            if dim.size < 0:
                dim.size = batch_size
with tf.Graph().as_default() as graph:
    tf.import_graph_def(graph_def, name="")
flops = collections.Counter()
for op in graph.get_operations():
    try:
        count = ops.get_stats_for_node_def(graph, op.node_def, "flops").value
    except (AttributeError, ValueError):
        # An op or a shape that its registry does not know.
        continue
    if count is not None:
        flops[op.type] += int(count)
print(json.dumps(flops))
