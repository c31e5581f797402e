"""The file of VGG16's ImageNet weights (Keras's layout, no top), of which example 54 uses the layers up to ``block3_conv3``."""

import os

import h5py

from common import datasets, files
from common.errors import UserError

LAYERS = (  # name, input channels, output channels; all 3×3
    ("block1_conv1", 3, 64),
    ("block1_conv2", 64, 64),
    ("block2_conv1", 64, 128),
    ("block2_conv2", 128, 128),
    ("block3_conv1", 128, 256),
    ("block3_conv2", 256, 256),
    ("block3_conv3", 256, 256),
)


def find(folder=None, sample=False, option="--vgg-dir"):
    """The path of the weights file, checked.

    Args:
      folder: the user's own; None: where data sets are looked for.
      sample: the generated stand-in with random weights (preset tiny), unless there is a ``folder``.
      option: that ``folder`` was given by.
    """
    if sample and folder is None:
        folder = datasets.sample("vgg16")
    folder = datasets.find("vgg16", folder, required=["vgg16*notop.h5"], option=option)
    names = sorted(name for name in os.listdir(folder) if name.startswith("vgg16") and name.endswith("notop.h5"))
    return check(os.path.join(folder, names[0]))


def check(path):
    """``path`` when it is an h5 file with finite kernels and biases of the seven convolutions; UserError otherwise."""
    files.regular_file(path, "VGG16 weights")
    try:
        with h5py.File(path, "r") as stream:
            names = [_text(name) for name in stream.attrs.get("layer_names", [])]
            for layer, inputs, outputs in LAYERS:
                group = stream[layer] if layer in names else {}
                weights = [_text(name) for name in group.attrs["weight_names"]] if group else []
                shapes = [group[name].shape for name in weights]
                if shapes != [(3, 3, inputs, outputs), (outputs,)]:
                    raise UserError(
                        "%s holds no kernel 3×3 of %s, %d to %d channels: it is not a VGG16 weights file"
                        % (path, layer, inputs, outputs)
                    )
                for name in weights:
                    if group[name].dtype.kind != "f" or not abs(group[name][()]).max() < 1e6:  # NaN is not less either
                        raise UserError("%s: %s of %s holds values that are no weights" % (path, name, layer))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError("%s is not a readable h5 file (%s); fetch it again" % (path, str(error)[:160]))
    return path


def _text(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
