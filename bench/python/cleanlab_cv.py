"""What one `losslens train` finds of planted label errors, beside what cleanlab finds by cross-validation.

    python cleanlab_cv.py --data DIR --out FOLDER [--network cifarnet,resnet_v1_20,efficientnet_lite0]
                          [--noise image,symmetric] [--share 0.1] [--items 6000] [--epochs 10] [--folds 5]
                          [--seed 1] [--precision float32] [--weights NAME|PATH]

Python with cleanlab; losslens as it is built in dist. DIR holds CIFAR-10 in its binary form, of which the first
--items training images are used. For each network and kind of noise:

1. `losslens train --label_noise` trains once, plants the errors and scores every item meanwhile.
2. What cleanlab's users do: the network is trained on all folds but one (stratified by the labels as they are
   given, the wrong ones among them), with the same flags, and `losslens export --cleanlab` gives the probabilities
   of the fold that it has not seen. cleanlab's label quality scores then rank all items.
3. Beside them, cleanlab's scores of the probabilities that the network of 1. gives its own training items.

Both sides run the same code, so that the networks differ in nothing but what they are trained on. Prints the passes
of items through the network, and a table: average precision over all items, precision among the first 64. Runs are
kept in FOLDER, and those that have ended there already are not run again. The last line is one JSON object.
"""
import argparse
import csv
import json
import os
import subprocess
import sys

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.model_selection import StratifiedKFold

losslens = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../dist/bin/losslens.cjs')
record_bytes = 1 + 3 * 32 * 32
batches = [f'data_batch_{i}.bin' for i in range(1, 6)]

parser = argparse.ArgumentParser()
parser.add_argument('--data', required=True)
parser.add_argument('--out', required=True)
parser.add_argument('--network', default='cifarnet,resnet_v1_20,efficientnet_lite0')
parser.add_argument('--noise', default='image,symmetric')
parser.add_argument('--share', type=float, default=0.1)
parser.add_argument('--items', type=int, default=6000)
parser.add_argument('--epochs', type=int, default=10)
parser.add_argument('--folds', type=int, default=5)
parser.add_argument('--seed', type=int, default=1)
parser.add_argument('--precision', default='float32')
parser.add_argument('--weights', default='efficientnet_lite0')
flags = parser.parse_args()

recipes = {
    'cifarnet': [
        *('--batch_size=32', '--optimizer=momentum', '--learning_rate=0.005', '--weight_decay=0.004'),
        *('--learning_rate_decay_type=polynomial', f'--num_epochs_per_decay={flags.epochs}', '--end_learning_rate=0'),
    ],
    'resnet_v1_20': [
        *('--batch_size=32', '--optimizer=momentum', '--learning_rate=0.05', '--weight_decay=0.0001'),
        *('--learning_rate_decay_type=cosine', '--end_learning_rate=0'),
    ],
    # The head alone: what the frozen layers make of an image is computed once and kept.
    'efficientnet_lite0': [
        *(f'--checkpoint_path={flags.weights}', '--trainable_scopes=head', '--augmentation=none'),
        *('--train_image_size=128', '--batch_size=64', '--optimizer=adam', '--learning_rate=0.003'),
        *('--learning_rate_decay_type=cosine', '--end_learning_rate=0'),
    ],
}
head_alone = {name for name, recipe in recipes.items() if '--trainable_scopes=head' in recipe}


def run(*arguments):
    print(' '.join(arguments[:2]), '…', file=sys.stderr, flush=True)
    subprocess.run(['node', losslens, *arguments], check=True, stdout=subprocess.DEVNULL)


def train(network, folder, data, *more):
    """One run; it has ended when it has left the mark of its last file."""
    ended = os.path.join(folder, 'ended')
    if os.path.exists(ended):
        return
    run('train', f'--train_dir={folder}', '--dataset_name=cifar10', f'--dataset_dir={data}', f'--model_name={network}',
        *recipes[network], f'--max_number_of_epochs={flags.epochs}', f'--seed={flags.seed}',
        f'--precision={flags.precision}', '--log_every_n_steps=1000', '--projector_items=0', *more)
    open(ended, 'w').close()


def export(folder, run_folder, *more):
    """Labels and probabilities that a run's network gives."""
    if not os.path.exists(f'{folder}/pred_probs.npy'):
        run('export', '--cleanlab', f'--checkpoint_path={run_folder}', f'--export_dir={folder}',
            f'--precision={flags.precision}', *more)
    return np.load(f'{folder}/labels.npy'), np.load(f'{folder}/pred_probs.npy')


def expect_settings(cell):
    """Runs of other settings are not taken for these."""
    settings = {name: getattr(flags, name) for name in ('share', 'folds', 'precision')}
    path = f'{cell}/settings.json'
    os.makedirs(cell, exist_ok=True)
    if not os.path.exists(path):
        with open(path, 'w') as file:
            json.dump(settings, file)
    with open(path) as file:
        if json.load(file) != settings:
            sys.exit(f'{cell}: has runs of other settings ({path}); name another folder with --out')


def write_cifar10(folder, records, held_out):
    os.makedirs(folder, exist_ok=True)
    for name, part in zip(batches, np.array_split(records, len(batches))):
        part.tofile(f'{folder}/{name}')
    held_out.tofile(f'{folder}/test_batch.bin')


def average_precision(ranking, is_wrong):
    """Mean, over the wrong items, of the precision among those that rank no lower."""
    found = is_wrong[ranking]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def cleanlab_rows(labels, probabilities, is_wrong, kind):
    rows = []
    for method in ('self_confidence', 'normalized_margin', 'confidence_weighted_entropy'):
        for adjusted in (False, True):
            # cleanlab refuses to adjust this one.
            if adjusted and method == 'confidence_weighted_entropy':
                continue
            quality = get_label_quality_scores(labels, probabilities, method=method, adjust_pred_probs=adjusted)
            ranking = np.argsort(quality, kind='stable')
            rows.append({
                'score': method + (', adjusted' if adjusted else ''),
                'of': kind,
                'ap': average_precision(ranking, is_wrong),
                'p64': float(is_wrong[ranking[:64]].mean()),
            })
    return rows


def compare(network, noise, records):
    cell = os.path.join(flags.out, f'{network}-{noise}-{flags.items}-{flags.epochs}-{flags.seed}')
    whole = os.path.join(flags.out, f'data-{flags.items}')
    expect_settings(cell)
    train(network, f'{cell}/run', whole, f'--label_noise={flags.share}', f'--label_noise_type={noise}')
    with open(f'{cell}/run/run.json') as file:
        classes = json.load(file)['dataset']['classes']
    given = records[:, 0].astype(np.int64)
    with open(f'{cell}/run/label_noise.csv') as file:
        for row in csv.DictReader(file):
            given[int(row['item'])] = classes.index(row['planted_label'])
    is_wrong = given != records[:, 0]
    with open(f'{cell}/run/detection.csv') as file:
        rows = [
            {'score': row['score'], 'of': 'losslens', 'ap': float(row['average_precision']),
             'p64': float(row['precision_at_64'])}
            for row in csv.DictReader(file)
        ]

    planted = records.copy()
    planted[:, 0] = given
    out_of_sample = np.zeros((flags.items, len(classes)), np.float32)
    folds = StratifiedKFold(flags.folds, shuffle=True, random_state=flags.seed).split(given, given)
    trained = 0
    for fold, (others, held_out) in enumerate(folds):
        folder = f'{cell}/fold-{fold}'
        write_cifar10(f'{folder}/data', planted[others], planted[held_out])
        train(network, f'{folder}/run', f'{folder}/data')
        labels, out_of_sample[held_out] = export(f'{folder}/export', f'{folder}/run', '--dataset_split_name=test')
        assert (labels == given[held_out]).all()
        trained += flags.epochs * len(others)
    rows += cleanlab_rows(given, out_of_sample, is_wrong, f'cleanlab, {flags.folds} folds')
    labels, in_sample = export(f'{cell}/export', f'{cell}/run')
    assert (labels == given).all()
    rows += cleanlab_rows(given, in_sample, is_wrong, 'cleanlab, in sample')

    issues = find_label_issues(given, out_of_sample)
    n = flags.items
    # Of a head alone the frozen layers run once for each item, and an epoch costs the head's product.
    frozen = {} if network not in head_alone else {'frozen': {'losslens': n, 'cleanlab': flags.folds * n, 'kept': n}}
    return {
        'network': network, 'noise': noise, 'share': flags.share, 'items': n, 'epochs': flags.epochs,
        'wrong': int(is_wrong.sum()),
        'accuracy': {'in sample': float((in_sample.argmax(1) == records[:, 0]).mean()),
                     'out of sample': float((out_of_sample.argmax(1) == records[:, 0]).mean())},
        'passes': {'losslens': {'training': flags.epochs * n, 'forward': 0},
                   'cleanlab': {'training': trained, 'forward': n}, **frozen},
        'issues': {'count': int(issues.sum()), 'wrong': int((issues & is_wrong).sum())},
        'rows': rows,
    }


def cost(result):
    """What a cell took, and what it is worth, in words."""
    passes, issues, right = (result[key] for key in ('passes', 'issues', 'accuracy'))
    own, other = passes['losslens'], passes['cleanlab']
    ratio = (other['training'] + other['forward']) / own['training']
    text = (f"{result['network']}, {result['noise']}: {result['wrong']} of {result['items']} labels are wrong. Passes of "
            f"items: losslens {own['training']} forward and backward; cleanlab {other['training']} forward and backward, "
            f"and {other['forward']} forward ({ratio:.1f} ×). ")
    if 'frozen' in passes:
        frozen = passes['frozen']
        text += (f"These are passes of the head; of the frozen layers, forward, {frozen['losslens']}, and by "
                 f"cross-validation {frozen['cleanlab']}, or {frozen['kept']} where what they give is kept for all folds. ")
    return text + (f"Right about the true label: {right['in sample']:.1%} of the items in sample, "
                   f"{right['out of sample']:.1%} out of sample. find_label_issues names {issues['count']}, of which "
                   f"{issues['wrong']} are wrong.")


def table(results):
    """Scores by their mean average precision, and a column for each cell: average precision, precision at 64."""
    cells = [{(row['of'], row['score']): row for row in result['rows']} for result in results]
    mean = {key: np.mean([cell[key]['ap'] for cell in cells]) for key in cells[0]}
    lines = [
        ['of', 'score', *(f"{result['network']}, {result['noise']}" for result in results), 'mean AP'],
        [':--', ':--', *('--:' for _ in results), '--:'],
    ]
    for key in sorted(mean, key=lambda key: -mean[key]):
        values = [f"{cell[key]['ap']:.3f}, {cell[key]['p64']:.2f}" for cell in cells]
        lines.append([*key, *values, f'{mean[key]:.3f}'])
    return '\n'.join(f"| {' | '.join(line)} |" for line in lines)


records = np.concatenate([np.fromfile(f'{flags.data}/{name}', np.uint8).reshape(-1, record_bytes) for name in batches])
records = records[: flags.items]
write_cifar10(f'{flags.out}/data-{flags.items}', records, records[:1])
results = []
for network in flags.network.split(','):
    for noise in flags.noise.split(','):
        results.append(compare(network, noise, records))
        print(cost(results[-1]) + '\n', flush=True)
print(table(results) + '\n')
print(json.dumps(results))
