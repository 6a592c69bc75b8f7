"""A PyTorch DataLoader with Pillow over a folder of images, prepared as TF-Slim's vgg preprocessing does.

    python dataloader.py FOLDER BATCH_SIZE WORKERS train|evaluate

Prints 'ready' and versions, waits for a line on standard input, goes through the folder once, prints the items per
second; and so on.
"""
import random
import sys
import time

import PIL
import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode, resize

folder, batch_size, workers, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def random_side(image):
    return resize(image, random.randint(256, 512), InterpolationMode.BILINEAR)


as_floats = [
    v2.PILToTensor(),
    v2.ToDtype(torch.float32),
    v2.Normalize([123.68, 116.78, 103.94], [1, 1, 1]),
]
transforms = {
    'train': [v2.Lambda(random_side), v2.RandomCrop(224), v2.RandomHorizontalFlip(), *as_floats],
    'evaluate': [v2.Resize(256), v2.CenterCrop(224), *as_floats],
}


def main():
    # One core each, as many as there are workers.
    torch.set_num_threads(1)
    dataset = torchvision.datasets.ImageFolder(folder, v2.Compose(transforms[mode]))
    loader = DataLoader(
        dataset, batch_size, shuffle=mode == 'train', num_workers=workers, persistent_workers=True)
    for _ in loader:
        pass
    print('ready', f'PyTorch {torch.__version__}, torchvision {torchvision.__version__}, '
          f'Pillow {PIL.__version__}', flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        items = sum(len(labels) for _, labels in loader)
        print(items / (time.perf_counter() - start), flush=True)


main()
