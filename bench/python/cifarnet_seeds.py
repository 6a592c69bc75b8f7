"""What ten epochs of TF-Slim's cifarnet recipe reach on CIFAR-10, over seeds: an independent reference.

    python3 cifarnet_seeds.py DIR [SEEDS [EPOCHS]]

DIR holds data_batch_1..5.bin and test_batch.bin. Network, distributions of the initial weights, augmentation,
batches, learning rate and penalty are those of nets/cifarnet.py, preprocessing/cifarnet_preprocessing.py and
scripts/train_cifarnet_on_cifar10.sh, in PyTorch and float32, on CUDA where there is some. Prints the test accuracy
of the last weights and of their moving averages for each seed, then mean and standard deviation.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
device = 'cuda' if torch.cuda.is_available() else 'cpu'
folder = sys.argv[1]
seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 16
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 10
batch_size, learning_rate, weight_decay, average_decay = 128, 0.1, 0.004, 0.999


def load(*files):
    records = np.concatenate([np.fromfile(f'{folder}/{name}', np.uint8).reshape(-1, 3073) for name in files])
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return images.to(device), torch.from_numpy(records[:, 0].astype(np.int64)).to(device)


def standardize(images):
    """tf.image.per_image_standardization"""
    centered = images - images.mean((1, 2, 3), keepdim=True)
    stddev = (centered**2).mean((1, 2, 3), keepdim=True).sqrt()
    return centered / stddev.clamp_min(1 / np.sqrt(images[0].numel()))


def augment(images):
    """Pads by 4, crops, flips, changes brightness by up to 63 and contrast by 0.2 to 1.8, standardises."""
    n = len(images)
    uniform = lambda low, high: low + (high - low) * torch.rand(n, 1, 1, 1, device=device)
    padded = F.pad(images.float(), (4, 4, 4, 4))
    rows, columns = (torch.randint(0, 9, (n, 1), device=device) + torch.arange(32, device=device) for _ in range(2))
    item = torch.arange(n, device=device)[:, None, None]
    cropped = padded[item, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    flipped = torch.where(uniform(0, 1) < 0.5, cropped.flip(3), cropped)
    bright = flipped + uniform(-63, 63)
    mean = bright.mean((2, 3), keepdim=True)
    return standardize((bright - mean) * uniform(0.2, 1.8) + mean)


def initial_weights():
    def normal(shape, stddev):
        return torch.nn.init.trunc_normal_(torch.empty(shape, device=device), 0, stddev, -2 * stddev, 2 * stddev)

    constant = lambda size, value: torch.full((size,), value, device=device)
    return [
        *(normal((64, 3, 5, 5), 0.05), constant(64, 0.0)),
        *(normal((64, 64, 5, 5), 0.05), constant(64, 0.0)),
        *(normal((384, 4096), 0.04), constant(384, 0.1)),
        *(normal((192, 384), 0.04), constant(192, 0.1)),
        *(normal((10, 192), 1 / 192), constant(10, 0.0)),
    ]


def logits(weights, images, is_training):
    conv1, bias1, conv2, bias2, fc3, bias3, fc4, bias4, last, bias5 = weights
    # torch divides alpha by the size of the window.
    norm = lambda x: F.local_response_norm(x, 9, alpha=0.001, beta=0.75, k=1.0)
    net = norm(F.max_pool2d(F.relu(F.conv2d(images, conv1, bias1, padding=2)), 2))
    net = F.max_pool2d(norm(F.relu(F.conv2d(net, conv2, bias2, padding=2))), 2).flatten(1)
    net = F.dropout(F.relu(F.linear(net, fc3, bias3)), 0.5, is_training)
    return F.linear(F.relu(F.linear(net, fc4, bias4)), last, bias5)


def accuracy(weights):
    with torch.no_grad():
        outputs = [logits(weights, standardize(part.float()), False).argmax(1) for part in test_images.split(2500)]
    return (torch.cat(outputs) == test_labels).float().mean().item()


def train(seed):
    torch.manual_seed(seed)
    weights = [w.requires_grad_(True) for w in initial_weights()]
    averages = [w.detach().clone() for w in weights]
    step = 0
    for _ in range(epochs):
        for batch in torch.randperm(len(images), device=device).split(batch_size):
            cross_entropy = F.cross_entropy(logits(weights, augment(images[batch]), True), labels[batch])
            penalty = weight_decay / 2 * ((weights[4] ** 2).sum() + (weights[6] ** 2).sum())
            gradients = torch.autograd.grad(cross_entropy + penalty, weights)
            step += 1
            decay = min(average_decay, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_add_(weights, gradients, alpha=-learning_rate)
                torch._foreach_lerp_(averages, weights, 1 - decay)
    return accuracy(weights), accuracy(averages)


images, labels = load(*(f'data_batch_{i}.bin' for i in range(1, 6)))
test_images, test_labels = load('test_batch.bin')
results = []
for seed in range(1, seeds + 1):
    results.append(train(seed))
    print('seed %d: last weights %.4f, moving averages %.4f' % (seed, *results[-1]), flush=True)
if seeds > 1:
    for name, values in zip(('last weights', 'moving averages'), np.array(results).T):
        print('%s: mean %.4f, standard deviation %.4f' % (name, values.mean(), values.std(ddof=1)))
