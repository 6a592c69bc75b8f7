"""What the machine can do at most: GFLOP/s of large matrix products, float32 and bfloat16, in TensorFlow (oneDNN).

    python peers_ceiling.py

Answers each line on standard input with {"float32", "bfloat16"}.
"""
import json
import sys
import time

import tensorflow as tf

size, repeats = 2048, 4
functions = {}
for dtype in (tf.float32, tf.bfloat16):
    a, b = (tf.cast(tf.random.normal([size, size]), dtype) for _ in range(2))

    @tf.function
    def product(a=a, b=b):
        return tf.matmul(a, b)

    functions[dtype.name] = product
    product()


def rate(product):
    best = min(timed(product) for _ in range(repeats))
    return 2 * size**3 / best / 1e9


def timed(product):
    start = time.perf_counter()
    product()[0, 0].numpy()
    return time.perf_counter() - start


print('ready', tf.__version__, flush=True)
for _ in sys.stdin:
    print(json.dumps({name: round(rate(product)) for name, product in functions.items()}), flush=True)
