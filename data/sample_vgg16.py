"""A stand-in for the VGG16 weights file, with RANDOM weights: its features mean nothing, nothing was trained.

The file has Keras's layout for weights and VGG16's real shapes as far as ``block3_conv3``, the layer whose features
example 54 compares (10.2.8), so that ``load_weights`` works as with the real file. ``--preset tiny`` uses it.
"""

import os

import h5py
import numpy as np

from data.vgg16 import LAYERS

FILENAME = "vgg16_random_notop.h5"


def generate(folder, seed=0):
    """Writes ``vgg16_random_notop.h5`` (6.9 MB): He-scaled normal kernels ``[3, 3, in, out]`` and zero biases, float32."""
    random = np.random.RandomState(seed)
    os.makedirs(folder, exist_ok=True)
    with h5py.File(os.path.join(folder, FILENAME), "w") as stream:
        stream.attrs["backend"] = np.string_("tensorflow")
        stream.attrs["keras_version"] = np.string_("2.2.4")
        stream.attrs["layer_names"] = np.array([name.encode("ascii") for name, _, _ in LAYERS])
        for name, inputs, outputs in LAYERS:
            kernel = random.normal(0.0, np.sqrt(2.0 / (9 * inputs)), [3, 3, inputs, outputs])
            group = stream.create_group(name)
            names = ["%s/kernel:0" % name, "%s/bias:0" % name]
            group.attrs["weight_names"] = np.array([item.encode("ascii") for item in names])
            group.create_dataset(names[0], data=np.float32(kernel), track_times=False)  # equal bytes
            group.create_dataset(names[1], data=np.zeros([outputs], np.float32), track_times=False)
