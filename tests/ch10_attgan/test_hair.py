"""beyond/hair: which pixels are hair, and edits of its colour that are kept to them."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from ch10_attgan.beyond import hair, networks, regions, trained
from common import images

NAMES = ["Black_Hair", "Smiling", "Male"]
HAIR, SKIN, WALL = (110, 70, 40), (225, 170, 140), (90, 120, 190)
A = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
CHANGED = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1]]) > 0


def drawn(side=96, seed=0, hair_colour=HAIR):
    """(uint8 picture of a head with long hair before a wall, which of its pixels are hair, skin, wall)."""
    rows, columns = np.mgrid[:side, :side] / float(side)
    skin = ((columns - 0.5) / 0.2) ** 2 + ((rows - 0.6) / 0.29) ** 2 <= 1
    head = (((columns - 0.5) / 0.33) ** 2 + ((rows - 0.42) / 0.36) ** 2 <= 1) & (rows < 0.8)
    long = (np.abs(columns - 0.5) < 0.33) & (rows > 0.42) & (rows < 0.8)
    is_hair = (head | long) & ~skin
    pixels = np.where(skin[..., None], SKIN, np.where(is_hair[..., None], hair_colour, WALL))
    noise = np.random.RandomState(seed).normal(0, 6, [side, side, 3])
    return np.uint8(np.clip(pixels + noise, 0, 255)), is_hair, skin, ~(is_hair | skin)


def faces():
    return images.from_uint8(np.stack([drawn(seed=seed)[0] for seed in range(4)]))


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize("colour", [HAIR, (25, 22, 20), (215, 190, 120)])
def test_hair_is_told_from_face_and_wall(side, colour):
    """The shares against what was drawn: the chances before any colour is seen are wrong in many more pixels."""
    pixels, is_hair, skin, wall = drawn(side, hair_colour=colour)
    found = hair.shares_of_hair(pixels)
    assert found.shape == (side, side) and found.min() >= 0 and found.max() <= 1
    assert found[is_hair].mean() > 0.8 and found[skin].mean() < 0.15 and found[wall].mean() < 0.15
    wrong_before, wrong = (np.mean((share > 0.5) != is_hair) for share in (hair.chances(side)[0], found))
    assert wrong < 0.06 and wrong_before > 2 * wrong


def test_a_matte_reaches_a_little_farther_than_the_hair():
    pixels, is_hair, _, _ = drawn()
    found = hair.mattes(images.from_uint8(pixels[None]))
    assert found.shape == (1, 96, 96, 1) and found.dtype == np.float32 and 0 <= found.min() and found.max() <= 1
    away = ndimage.distance_transform_edt(~is_hair)
    assert found[0, :, :, 0][is_hair].mean() > 0.95
    assert found[0, :, :, 0][(away > 0) & (away < 3)].mean() > 0.6
    assert found[0, :, :, 0][away > 14].max() < 0.2


def test_chances_are_of_one_and_hair_is_above_the_face():
    found = hair.chances(96)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-6)
    assert found[0, 12, 48] > 0.6 and found[1, 55, 48] > 0.6 and found[2, 3, 3] > 0.6
    assert found.min() > 0


def test_a_mirrored_face_has_the_mirrored_matte_and_all_else_its_own(monkeypatch):
    both = images.from_uint8(np.stack([drawn(48)[0], np.roll(drawn(48, 1)[0], 6, axis=1)]))
    asked = []
    matte = hair._matte
    monkeypatch.setattr(hair, "_known", {})
    monkeypatch.setattr(hair, "_matte", lambda pixels: asked.append(1) or matte(pixels))
    found = hair.mattes(both)
    np.testing.assert_array_equal(hair.mattes(both[::-1, :, ::-1]), found[::-1, :, ::-1])
    assert len(asked) == 2  # those two are remembered
    assert np.abs(found[0] - found[1]).max() > 0.1


@pytest.mark.parametrize("side", [8, 96])
def test_a_flat_picture_has_a_matte_without_a_warning(side):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = hair.mattes(np.zeros([1, side, side, 3], np.float32))
    assert np.isfinite(found).all()


def test_only_an_edit_of_its_colour_is_kept_to_the_hair():
    """A change of 1 everywhere shows the places; its smooth copy is 1, too."""
    pictures, smile = faces(), regions.region("Smiling", 96)
    black = regions.region("Black_Hair", 96) * hair.mattes(pictures)
    wanted = np.stack([black[0], smile, np.maximum(black[2], smile), np.ones_like(smile)])
    found = hair.kept(np.ones_like(pictures), CHANGED, NAMES, pictures)
    np.testing.assert_allclose(found, wanted * np.ones(3), atol=1e-6)
    settings = SimpleNamespace(att_default=NAMES, img_size=96, thres_int=0.5, despeck=0.0, regions=True, hair=True)
    rebuilt = np.zeros_like(pictures)
    edited, _b = rebuilt + np.float32(0.5), np.float32(np.where(CHANGED, -0.7, 0.5) * np.where(A == 1, 1, -1))
    found = trained.kept(settings, pictures, rebuilt, edited, A, _b)
    np.testing.assert_allclose(found, 0.5 * wanted * np.ones(3), atol=1e-6)
    settings.hair = False
    found = trained.kept(settings, pictures, rebuilt, edited, A, _b)
    np.testing.assert_allclose(found[0], 0.5 * regions.region("Black_Hair", 96) * np.ones(3), atol=1e-6)


def test_hair_keeps_its_strands_and_another_edit_its_lines():
    """What alternates from row to row is not taken from the hair by its new colour; a smile's is changed as asked."""
    pictures = faces()
    stripes = np.zeros_like(pictures)
    stripes[:, ::2], stripes[:, 1::2] = -1.0, 1.0
    found = hair.kept(stripes, CHANGED, NAMES, pictures)
    assert np.abs(found[0]).max() < 0.01
    np.testing.assert_allclose(found[1], regions.region("Smiling", 96) * stripes[1], atol=1e-6)


def test_the_training_keeps_what_the_photo_gets():
    pictures = faces()
    change = np.float32(np.random.RandomState(0).normal(size=pictures.shape))
    wanted = hair.kept(change, CHANGED, NAMES, pictures)
    with tf.Session() as session:
        kept = networks.hair_kept(tf.constant(A), tf.constant(A ^ CHANGED), NAMES, tf.constant(pictures))
        np.testing.assert_allclose(session.run(kept(tf.constant(change))), wanted, atol=1e-5)


def test_nobody_asks_for_a_matte_where_no_colour_changes(monkeypatch):
    monkeypatch.setattr(hair, "mattes", None)
    pictures = np.zeros([1, 32, 32, 3], np.float32)
    assert hair.kept(pictures, np.array([[False, True, False]]), NAMES, pictures).shape == (1, 32, 32, 3)
