"""Computes with NumPy what src/insitu/wrongLabels.ts says of made scores.

    python test/python/wrong_labels_reference.py > test/insitu/wrongLabels.golden.json

Right labels have scores of a Gumbel distribution, wrong ones of a logistic distribution, both at the quantiles
(i + ½)/n, so that both sides make the same scores.
"""
import json

import numpy as np


def made(right, location, scale, wrong, mean):
    u = (np.arange(right) + 0.5) / right
    v = (np.arange(wrong) + 0.5) / max(wrong, 1)
    return np.concatenate([location - scale * np.log(-np.log(u)), mean + np.log(v / (1 - v))])


def expected(scores, length):
    scores = np.sort(scores)[::-1]
    low, high = np.percentile(scores, [25, 75])
    contradicted = (scores > 0).sum()

    def right(share):
        scale = share * (high - low)
        near = ((scores > -scale / 2) & (scores <= scale / 2)).sum()
        return min(near, contradicted) * np.exp(-scores[length - 1] / scale), near / contradicted

    if contradicted > 0.2 * len(scores) or length > (scores > 0.57 * (high - low)).sum():
        return None
    taken, excess = right(0.57)
    if excess > 1.25 or right(0.65)[0] - right(0.5)[0] > 0.12 * length:
        return None
    return min(length - float(taken), 0.95 * length)


cases = [
    # Wrong labels far from the right ones; fewer, nearer ones; none.
    (5400, -5, 2, 600, 9),
    (5800, -5, 2, 200, 9),
    (5900, -5, 2, 100, 4),
    (6000, -5, 2, 0, 0),
    # A network that contradicts half of all labels.
    (6000, 0, 2, 600, 9),
]
answers = [[*case, length, expected(made(*case), length)] for case in cases for length in (100, 200, 400)]
print(json.dumps(answers))
