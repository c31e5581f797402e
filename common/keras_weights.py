"""Weights of Keras models as h5 files: written whole or not at all, and read so that what is wrong is said in one line."""

import os
import tempfile

import numpy as np

from common import files
from common.errors import UserError

LARGEST = 1 << 30  # bytes; the generator of listing 10-1 has 46 million
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError)


def save(model, path: str) -> str:
    """``model.save_weights(path)``, whole or not at all; returns the path."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as temporary:
        whole = os.path.join(temporary, "weights.h5")
        model.save_weights(whole)
        content = files.read_bytes(whole, "weights", LARGEST)
    with files.atomic(path) as stream:
        stream.write(content)
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
