"""Computes every score of items.csv with NumPy, in float64 and from the definitions.

    python test/python/item_scores_reference.py > test/insitu/itemScores.golden.json

A run that test/insitu/itemScores.test.ts records again: 12 items, 5 classes, 4 epochs, one dense
layer whose weights, and a feature vector for each item and epoch, both sides make by the same hash.
Scores are taken once at the logits and once at the features (--hs=features).
"""
import json

import numpy as np

ITEMS, CLASSES, FEATURES, EPOCHS = 12, 5, 7, 4


def hashed(count, stream):
    """Numbers in [-1, 1) from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


weights = (2 * hashed(FEATURES * CLASSES, 1)).reshape(FEATURES, CLASSES)
bias = hashed(CLASSES, 2)
labels = np.arange(ITEMS) * 3 % CLASSES
onehot = np.eye(CLASSES)[labels]
rows = np.arange(ITEMS)


def presentation(epoch, at_features):
    """The scores of one presentation of every item."""
    h = (2 * hashed(ITEMS * FEATURES, 10 + epoch)).reshape(ITEMS, FEATURES)
    z = h @ weights + bias
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    dz = p - onehot
    # f·b of the item's own loss, at the features or at log p
    products = h * (dz @ weights.T) if at_features else np.log(p) * dz
    others = np.where(onehot == 1, -np.inf, z).max(1)
    # The gradient of each item's loss in the weights and in the bias, written out
    gradient = np.concatenate([h[:, :, None] * dz[:, None, :], dz[:, None, :]], axis=1)
    return {
        'contribution': products.sum(1),
        'contribution_positive': np.where(products > 0, products, 0).sum(1),
        'contribution_negative': -np.where(products < 0, products, 0).sum(1),
        'loss': -np.log(p[rows, labels]),
        'margin': z[rows, labels] - others,
        'entropy': -(p * np.log(p)).sum(1),
        'confidence': p[rows, labels],
        'el2n': np.linalg.norm(dz, axis=1),
        'grand': np.linalg.norm(gradient.reshape(ITEMS, -1), axis=1),
    }, p.argmax(1) == labels, p


def disagreement(series, output_probabilities, right):
    """The weights follow the batches: of 5, 5 and 2 items in the order that the test shows them in."""
    sureness, accuracy, weights = 0.0, 0.0, np.zeros((EPOCHS, ITEMS))
    for epoch in range(EPOCHS):
        order = (np.arange(ITEMS) * 5 + epoch) % ITEMS
        for batch in (order[:5], order[5:10], order[10:]):
            # 12 items are so few that each batch counts half.
            sureness = (sureness + output_probabilities[epoch, batch].mean()) / 2
            accuracy = (accuracy + right[epoch, batch].mean()) / 2
            weights[epoch, batch] = max(1e-3, min(sureness, accuracy)) ** 5.5
    against = np.maximum(series['loss'] - series['entropy'], 0) - series['margin']
    return np.average(against, axis=0, weights=weights)


def pair_evidence(disagreement, suggested):
    """How much more often than by chance other items have the same label and suggestion, log of it."""
    contradicted = suggested != labels
    weights = np.where(contradicted, np.round(16 * np.clip(disagreement, 0, 32) ** 2) / 16, 0)
    unit = (weights**2).sum() / weights.sum()
    evidence = np.zeros(ITEMS)
    for item in np.flatnonzero(contradicted):
        same = (labels == labels[item]) & (suggested == suggested[item])
        same[item] = False
        looks_alike = (suggested == suggested[item]).mean()
        expected = (weights.sum() - weights[item]) / unit * looks_alike / (CLASSES - 1)
        evidence[item] = np.log((weights[same].sum() / unit + 1) / (expected + 1))
    return evidence


def scores(at_features):
    runs = [presentation(epoch, at_features) for epoch in range(EPOCHS)]
    out = {}
    for name in runs[0][0]:
        values = np.stack([run[0][name] for run in runs])
        out[name] = values[-1]
        out[name + '_mean'] = values.mean(0)
    series = {name: np.stack([run[0][name] for run in runs]) for name in runs[0][0]}
    rising = np.arange(1, EPOCHS + 1) ** 2
    out['contribution_clipped_mean'] = np.clip(series['contribution'], 0, None).mean(0)
    out['contribution_positive_rising_mean'] = np.average(
        series['contribution_positive'], axis=0, weights=rising
    )
    out['margin_rising_mean'] = np.average(series['margin'], axis=0, weights=rising)
    right = np.stack([run[1] for run in runs])
    out['disagreement'] = disagreement(series, np.stack([run[2].max(1) for run in runs]), right)
    out['variability'] = series['confidence'].std(0)
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    out['forgetting_events'] = np.where(right.any(0), forgotten, EPOCHS)
    out['wrong_events'] = (~right).sum(0)
    mean_p = np.mean([run[2] for run in runs], axis=0)
    out['suggested_label'] = mean_p.argmax(1)
    out['suggested_probability'] = mean_p.max(1)
    out['pair_disagreement'] = out['disagreement'] + 0.5 * pair_evidence(
        out['disagreement'], out['suggested_label']
    )
    return {name: [float(f'{v:.9g}') for v in values] for name, values in out.items()}


print(json.dumps({'Logits': scores(False), 'features': scores(True)}))
