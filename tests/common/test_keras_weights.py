"""Weights of Keras models: the file is the one that Keras writes, and a full disk leaves the old one."""

import errno

import h5py
import numpy as np
import pytest
import tensorflow as tf

from common import files, keras_weights, run
from common.normalization import SwitchNormalization


def small_model():
    run.start(1)
    x = tf.keras.layers.Input((8, 8, 3))
    y = tf.keras.layers.Conv2D(4, 3, name="conv")(x)
    y = SwitchNormalization()(y)
    y = tf.keras.layers.BatchNormalization()(y)
    return tf.keras.Model(x, tf.keras.layers.Dense(1)(tf.keras.layers.Flatten()(y)))


def everything(path):
    """(names, attributes, arrays) of an h5 file."""
    found = {}

    def look(name, item):
        value = item[()] if isinstance(item, h5py.Dataset) else None
        found[name] = ({key: np.asarray(item.attrs[key]).tolist() for key in item.attrs}, value)

    with h5py.File(str(path), "r") as stream:
        look("", stream)
        stream.visititems(look)
    return found


@pytest.mark.parametrize("trainable", [True, False])
def test_the_file_is_the_one_keras_writes(tmp_path, trainable):
    model = small_model()
    model.trainable = trainable
    keras_weights.save(model, str(tmp_path / "ours.h5"))
    model.save_weights(str(tmp_path / "keras.h5"))
    ours, keras = everything(tmp_path / "ours.h5"), everything(tmp_path / "keras.h5")
    assert sorted(ours) == sorted(keras)
    for name, (attributes, value) in keras.items():
        assert ours[name][0] == attributes, name
        if value is not None:
            assert ours[name][1].dtype == value.dtype
            np.testing.assert_array_equal(ours[name][1], value)
    before = model.get_weights()
    model.set_weights([value + 1 for value in before])
    model.load_weights(str(tmp_path / "ours.h5"))
    for loaded, value in zip(model.get_weights(), before):
        np.testing.assert_array_equal(loaded, value)


def test_a_disk_that_fills_up_leaves_the_weights_of_before(tmp_path, monkeypatch):
    model, path = small_model(), tmp_path / "weights" / "g.h5"
    keras_weights.save(model, str(path))
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keras_weights.save(model, str(path))
    assert path.read_bytes() == before and [item.name for item in path.parent.iterdir()] == ["g.h5"]
