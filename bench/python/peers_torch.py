"""PyTorch's training step on the processor, as one writes it for speed: channels_last, autocast, torch.compile.

    python peers_torch.py MODEL BATCH_SIZE PRECISION [compile]

MODEL: lenet, cifarnet or resnet_v1_50 of TF-Slim. PRECISION: float32, or bfloat16 under autocast. Plain
stochastic gradient descent without weight decay.
"""
import contextlib
import sys

import torch
import torch.nn.functional as F
from torch import nn

from contestant import batch_of, serve

model, batch_size, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.manual_seed(0)


class Norm(nn.Module):
    def forward(self, x):
        # torch divides alpha by the size of the window.
        return F.local_response_norm(x, 9, alpha=0.001, beta=0.75, k=1.0)


def conv(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU()]


def lenet():
    return nn.Sequential(
        *conv(1, 32), nn.MaxPool2d(2), *conv(32, 64), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10))


def cifarnet():
    return nn.Sequential(
        *conv(3, 64), nn.MaxPool2d(2), Norm(), *conv(64, 64), Norm(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4096, 384), nn.ReLU(), nn.Dropout(0.5), nn.Linear(384, 192), nn.ReLU(), nn.Linear(192, 10))


def normalized(inputs, outputs, kernel, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False),
        nn.BatchNorm2d(outputs, 1e-5, 0.003))


class Bottleneck(nn.Module):
    def __init__(self, inputs, depth, stride):
        super().__init__()
        outputs = 4 * depth
        self.shortcut = nn.Identity()
        if inputs != outputs:
            self.shortcut = normalized(inputs, outputs, 1, stride)
        elif stride > 1:
            self.shortcut = nn.MaxPool2d(1, stride)
        self.inner = nn.Sequential(
            normalized(inputs, depth, 1), nn.ReLU(True), normalized(depth, depth, 3, stride), nn.ReLU(True),
            normalized(depth, outputs, 1))

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.inner(x))


def resnet_v1_50():
    layers = [normalized(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for block, units in enumerate((3, 4, 6, 3)):
        depth = 64 * 2**block
        for unit in range(units):
            layers.append(Bottleneck(inputs, depth, 2 if unit == units - 1 and block < 3 else 1))
            inputs = 4 * depth
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


network = {'lenet': lenet, 'cifarnet': cifarnet, 'resnet_v1_50': resnet_v1_50}[model]()
network = network.to(memory_format=torch.channels_last).train()
images, labels = (torch.from_numpy(value) for value in batch_of(model, batch_size))
# [n, c, h, w] to torch, and in the memory as it was.
images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
labels = labels.long()
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
forward = torch.compile(network) if 'compile' in sys.argv[4:] else network
is_mixed = precision == 'bfloat16'


def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast('cpu', torch.bfloat16) if is_mixed else contextlib.nullcontext():
        logits = forward(images)
    F.cross_entropy(logits.float(), labels).backward()
    optimizer.step()


serve(step, f'PyTorch {torch.__version__}')
