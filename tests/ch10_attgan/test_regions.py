"""beyond/regions: places in the aligned face, and edits that are kept to them."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan.beyond import networks, photos, regions, trained
from ch10_attgan.beyond.faces import crop_box
from data import celeba

EYE, NOSE, MOUTH, BROW, CHIN = (69, 111), (89, 136), (89, 158), (69, 100), (89, 185)
FOREHEAD, CORNER, TEMPLE = (89, 66), (20, 45), (25, 100)


def at(name, place, side):
    """The region's value at a place (x, y) of CelebA's aligned picture, in a face of ``side`` pixels."""
    top, left, box = crop_box(side)
    row, column = (place[1] - top) * side / box, (place[0] - left) * side / box
    return regions.region(name, side)[int(row), int(column), 0]


@pytest.mark.parametrize("side", [64, 96])  # their boxes differ
@pytest.mark.parametrize(
    "name,here,not_here",
    [
        ("Bangs", [FOREHEAD], [MOUTH, CHIN]),
        ("Black_Hair", [FOREHEAD, CORNER, TEMPLE], [EYE, NOSE, MOUTH]),
        ("Blond_Hair", [FOREHEAD, CORNER, TEMPLE], [EYE, NOSE, MOUTH]),
        ("Bushy_Eyebrows", [BROW], [FOREHEAD, NOSE, MOUTH, CORNER]),
        ("Eyeglasses", [EYE, BROW], [FOREHEAD, MOUTH, CHIN, CORNER]),
        ("Mouth_Slightly_Open", [MOUTH, CHIN], [EYE, FOREHEAD, CORNER]),
        ("Smiling", [MOUTH, NOSE], [FOREHEAD, CORNER]),
        ("Male", [EYE, MOUTH, CORNER], []),
        ("Pale_Skin", [EYE, MOUTH, CORNER], []),
    ],
)
def test_an_attribute_is_where_a_face_has_it(name, here, not_here, side):
    assert all(at(name, place, side) > 0.7 for place in here)
    assert all(at(name, place, side) < 0.3 for place in not_here)
    found = regions.region(name, side)
    assert found.shape == (side, side, 1) and found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(found, found[:, ::-1], atol=0.13)  # faces are mirrored, too; the box lies a pixel beside
    assert np.abs(np.diff(found, axis=0)).max() < 0.2  # no border that would be seen


def test_every_place_is_of_an_attribute():
    assert set(regions.PLACES) < set(celeba.CHINESE)


def test_where_is_the_largest_of_the_places():
    names = ["Eyeglasses", "Smiling", "Male"]
    changed = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
    glasses, smile = regions.region("Eyeglasses", 64), regions.region("Smiling", 64)
    wanted = [0 * glasses, glasses, np.maximum(glasses, smile), np.ones_like(glasses)]
    np.testing.assert_array_equal(regions.where(changed, names, 64), wanted)
    a = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
    with tf.Session() as session:
        seen = session.run(networks.changed_places(tf.constant(a), tf.constant(a ^ changed), names, 64))
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


def test_an_edit_is_kept_to_its_place_where_the_weights_say_so():
    names = ["Eyeglasses", "Male"]
    settings = SimpleNamespace(att_default=names, img_size=96, thres_int=0.5, despeck=0.25, regions=True, hair=False)
    rebuilt = np.zeros([2, 96, 96, 3], "f")
    random = np.random.RandomState(0)
    edited = 0.1 + random.uniform(-0.05, 0.05, rebuilt.shape).astype("f")
    edited[:, 40, 40] = 1.0  # a speck
    labels = np.array([[0, 1], [0, 1]])
    glasses, both = np.float32([[1.2, 0.5]] * 2), np.float32([[-0.5, 0.5], [0.9, -0.8]])
    clean = photos.despecked(rebuilt, edited, 0.25)
    found = trained.kept(settings, rebuilt, rebuilt, edited, labels, glasses)
    np.testing.assert_allclose(found, regions.region("Eyeglasses", 96) * clean, atol=1e-6)
    assert np.abs(found[:, 90:]).max() < 1e-3 and found.max() < 0.2
    found = trained.kept(settings, rebuilt, rebuilt, edited, labels, both)
    assert not found[0].any()  # nothing was switched
    np.testing.assert_array_equal(found[1], clean[1])  # Male is anywhere
    settings.regions = False
    np.testing.assert_array_equal(trained.kept(settings, rebuilt, rebuilt, edited, labels, glasses), clean)
