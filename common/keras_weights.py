"""Weights of Keras models as h5 files: written whole or not at all, and read so that what is wrong is said in one line."""

import io
import os

import h5py
import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from common import files
from common.errors import UserError

LARGEST = 1 << 30  # bytes; the generator of listing 10-1 has 46 million
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError)


def _content(model) -> bytes:
    """The file that ``model.save_weights`` writes, made in memory.

    HDF5 raises from a destructor, or ends the process, where a disk is full. And Keras fetches the weights layer by layer, each
    fetch a pruning of the whole graph; here it is one.
    """
    values = iter(K.batch_get_value([weight for layer in model.layers for weight in layer.weights]))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as stream:
        stream.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        stream.attrs["backend"] = b"tensorflow"
        stream.attrs["keras_version"] = tf.keras.__version__.encode()
        for layer in model.layers:
            group = stream.create_group(layer.name)
            group.attrs["weight_names"] = [weight.name.encode() for weight in layer.weights]
            for weight in layer.weights:
                group.create_dataset(weight.name, data=next(values))
    return buffer.getvalue()


def save(model, path: str) -> str:
    """``model.save_weights(path)``, whole or not at all; returns the path."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with files.atomic(path) as stream:
        stream.write(_content(model))
    return path


def load(model, path: str) -> None:
    """``model.load_weights(path)``.

    Raises:
      UserError: missing, damaged, of another model, or with values that are not finite; the model may have been changed.
    """
    files.regular_file(path, "weights", LARGEST)
    try:
        model.load_weights(path)
    except _DAMAGED as error:
        reason = (str(error).strip().splitlines() or ["damaged"])[0][:160]
        raise UserError("weights %s do not fit this model (%s)" % (path, reason))
    if not all(np.isfinite(value).all() for value in model.get_weights()):
        raise UserError("weights %s hold values that are not finite" % path)
