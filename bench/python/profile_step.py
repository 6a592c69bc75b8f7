"""Milliseconds of each operation of a training step, summed over TensorFlow's threads.

    python profile_step.py FOLDER [STEPS]

FOLDER is what bench/exportStep.ts has written (node dist/bench/profile.js does both). Prints the medians over STEPS
steps by operation and by node, and as its last line one JSON object: wall ms without a trace, and ms by operation.
"""
import collections
import json
import statistics
import sys
import time

import tensorflow as tf

from exported_step import ExportedStep

folder = sys.argv[1]
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 20
step = ExportedStep(folder)
for _ in range(5):
    step.run()
walls = []
for _ in range(steps):
    start = time.perf_counter()
    step.run()
    walls.append(1000 * (time.perf_counter() - start))

options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE)
by_op = collections.defaultdict(lambda: [0.0] * steps)
by_node = collections.defaultdict(lambda: [0.0] * steps)
for i in range(steps):
    metadata = tf.compat.v1.RunMetadata()
    step.run(options=options, run_metadata=metadata)
    for device in metadata.step_stats.dev_stats:
        for stats in device.node_stats:
            # "name = Op(input, …)"
            op = stats.timeline_label.partition(' = ')[2].partition('(')[0] or stats.node_name
            ms = (stats.op_end_rel_micros - stats.op_start_rel_micros) / 1000
            by_op[op][i] += ms
            by_node[f'{op} {stats.node_name}'][i] += ms

wall = statistics.median(walls)
print(f'wall {wall:.2f} ms, TensorFlow {tf.__version__}')
totals = {}
for title, table, least in ('operation', by_op, 0.05), ('node', by_node, 0.3):
    medians = sorted(((statistics.median(ms), name) for name, ms in table.items()), reverse=True)
    print(f'\nms  {title} (of all {sum(ms for ms, _ in medians):.1f})')
    for ms, name in medians:
        if ms >= least:
            print(f'{ms:6.2f}  {name}')
    if title == 'operation':
        totals = {name: round(ms, 3) for ms, name in medians if ms >= least}
print(json.dumps({'wallMs': round(wall, 3), 'msByOperation': totals}))
