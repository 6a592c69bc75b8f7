"""Computes a precision-recall curve as TensorBoard's own summary does.

    python test/python/pr_curve_reference.py LABELS PROBABILITIES THRESHOLDS

LABELS and PROBABILITIES are JSON lists; prints the rows of the summary's tensor as JSON.
"""
import json
import sys

import numpy as np
from tensorboard.plugins.pr_curve import summary
from tensorboard.util import tensor_util

labels, probabilities, thresholds = (json.loads(argument) for argument in sys.argv[1:])
proto = summary.pb('curve', np.array(labels), np.array(probabilities, np.float32), thresholds)
print(json.dumps(tensor_util.make_ndarray(proto.value[0].tensor).tolist()))
