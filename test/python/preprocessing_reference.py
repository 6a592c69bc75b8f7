"""Preprocesses made images with TensorFlow, as TF-Slim's preprocessings do.

    python test/python/preprocessing_reference.py > test/preprocessing/preprocessing.golden.json

Images come from the same hash as in test/preprocessing/preprocessings.test.ts. What is random in the
augmentation is fixed: each case names its offsets, flip, brightness and contrast. Only some
of the numbers are kept: a window of each result, its sum and its sum of squares.
"""
import json

import numpy as np
import tensorflow as tf


def hashed_image(height, width, channels, stream):
    """Samples 0..255 from a hash of their index (MurmurHash3's finalizer)."""
    h = np.arange(height * width * channels, dtype=np.uint32)
    h += np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(24)).astype(np.uint8).reshape(height, width, channels)


def cifarnet_train(image, side, top, left, flip, delta, factor):
    image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
    image = image[top:top + side, left:left + side]
    image = tf.image.flip_left_right(image) if flip else image
    image = tf.image.adjust_brightness(image, delta)
    image = tf.image.adjust_contrast(image, factor)
    return tf.image.per_image_standardization(image)


def cifarnet_evaluate(image, side):
    return tf.image.per_image_standardization(
        tf.image.resize_with_crop_or_pad(image, side, side))


def lenet(image, side):
    return (tf.image.resize_with_crop_or_pad(image, side, side) - 128.0) / 128.0


def vgg_resized(image, shorter_side):
    height, width = image.shape[0], image.shape[1]
    scale = np.float32(shorter_side) / np.float32(min(height, width))
    size = [int(np.rint(height * scale)), int(np.rint(width * scale))]
    return tf.compat.v1.image.resize_bilinear(image[None], size, align_corners=False)[0]


MEANS = [123.68, 116.78, 103.94]


def vgg_train(image, side, shorter_side, top, left, flip):
    image = vgg_resized(image, shorter_side)[top:top + side, left:left + side]
    image = tf.image.flip_left_right(image) if flip else image
    return image - MEANS


def vgg_evaluate(image, side):
    image = vgg_resized(image, 256)
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top:top + side, left:left + side] - MEANS


def inception_train(image, side, top, left, height, width, flip, delta, factor, brightness_first):
    image = image[top:top + height, left:left + width] / 255.0
    image = tf.compat.v1.image.resize_bilinear(image[None], [side, side], align_corners=False)[0]
    image = tf.image.flip_left_right(image) if flip else image
    image = image + delta if brightness_first else image
    image = tf.image.adjust_saturation(image, factor)
    image = image if brightness_first else image + delta
    return (tf.clip_by_value(image, 0.0, 1.0) - 0.5) * 2.0


def inception_evaluate(image, side):
    image = tf.image.central_crop(image / 255.0, central_fraction=0.875)
    image = tf.compat.v1.image.resize_bilinear(image[None], [side, side], align_corners=False)[0]
    return (image - 0.5) * 2.0


CASES = [
    # preprocessing, image [height, width, channels], side, to grey, fixed augmentation (None: evaluate)
    (lenet, [28, 28, 1], 28, False, None),
    (lenet, [20, 31, 1], 28, False, None),
    (lenet, [32, 32, 3], 28, True, None),
    (cifarnet_evaluate, [32, 32, 3], 32, False, None),
    (cifarnet_evaluate, [41, 24, 3], 32, False, None),
    (cifarnet_evaluate, [32, 32, 3], 32, True, None),
    (cifarnet_train, [32, 32, 3], 32, False,
     dict(top=0, left=8, flip=True, delta=-41.5, factor=0.3125)),
    (cifarnet_train, [32, 32, 3], 32, False,
     dict(top=5, left=2, flip=False, delta=20.25, factor=1.75)),
    (cifarnet_train, [32, 32, 3], 32, True,
     dict(top=8, left=1, flip=True, delta=0.0, factor=1.0)),
    (cifarnet_train, [28, 28, 1], 28, False,
     dict(top=3, left=7, flip=False, delta=62.0, factor=0.5)),
    (vgg_evaluate, [40, 60, 3], 224, False, None),
    (vgg_evaluate, [301, 277, 3], 224, False, None),
    (vgg_evaluate, [32, 32, 3], 32, False, None),
    (vgg_train, [60, 40, 3], 224, False,
     dict(shorter_side=300, top=13, left=70, flip=True)),
    (vgg_train, [400, 530, 3], 224, False,
     dict(shorter_side=257, top=33, left=0, flip=False)),
    (inception_evaluate, [301, 277, 3], 224, False, None),
    (inception_evaluate, [64, 48, 3], 96, False, None),
    (inception_train, [120, 90, 3], 96, False,
     dict(top=20, left=7, height=64, width=66, flip=True, delta=0.1, factor=1.5,
          brightness_first=True)),
    (inception_train, [90, 120, 3], 96, False,
     dict(top=3, left=41, height=80, width=64, flip=False, delta=-0.1, factor=0.5,
          brightness_first=False)),
]


def main():
    results = []
    for stream, (preprocess, shape, side, grey, augmentation) in enumerate(CASES):
        image = tf.cast(hashed_image(*shape, stream), tf.float32)
        if grey:
            image = tf.image.rgb_to_grayscale(image)
        out = preprocess(image, side, **(augmentation or {})).numpy().astype(np.float64)
        results.append({
            'preprocessing': preprocess.__name__,
            'image': shape,
            'side': side,
            'channels': out.shape[2],
            'augmentation': augmentation,
            'sum': float(out.sum()),
            'squares': float((out ** 2).sum()),
            'rows': [0, side // 2, side - 1],
            'values': [[round(float(v), 6) for v in out[row, ::7].ravel()]
                       for row in (0, side // 2, side - 1)],
        })
    print(json.dumps(results))


main()
