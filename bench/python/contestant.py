"""How bench/peers.ts talks with a contestant, a program that trains one network on one batch in memory.

It prints one line when it is ready; for each line on standard input, a number of steps, one JSON array of the
milliseconds of each; at the end of its input, {"residentMiB", "peakMiB"}.
"""
import json
import resource
import sys
import time

import numpy as np


def batch_of(model, batch_size):
    """float32 images [n, h, w, c] and int32 labels [n], the same for every contestant."""
    generator = np.random.default_rng(0)
    shape = {'lenet': (28, 28, 1), 'cifarnet': (32, 32, 3), 'resnet_v1_50': (224, 224, 3)}[model]
    images = generator.uniform(-1, 1, (batch_size, *shape)).astype(np.float32)
    return images, generator.integers(0, 10, batch_size).astype(np.int32)


def serve(step, version):
    """Warms up, then answers until the input ends. `step` trains one step and returns when it is done."""
    # The first steps set up what later ones use; five of a large network would take a minute.
    warm_end = time.perf_counter() + 10
    for _ in range(5):
        if time.perf_counter() < warm_end:
            step()
    print('ready', version, flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - start))
        print(json.dumps([round(ms, 3) for ms in times]), flush=True)
    with open('/proc/self/statm') as file:
        resident = int(file.read().split()[1]) * resource.getpagesize() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({'residentMiB': round(resident), 'peakMiB': round(peak)}), flush=True)
