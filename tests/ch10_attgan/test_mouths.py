"""beyond/mouths: whose mouth is lent, how it is blended in, and what edits lose against it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from ch10_attgan.beyond import mouths, networks
from common import images

NAMES = ["Male", "Mouth_Slightly_Open", "Smiling"]
SIDE = 64


def drawn(skin, mouth, seed=0):
    """A face of one colour with a mouth of another, uint8 ``[SIDE, SIDE, 3]``."""
    inside = mouths.soft((89, 156, 20, 10), SIDE)[:, :, None] > 0.5
    noise = np.random.RandomState(seed).normal(0, 2, (SIDE, SIDE, 3))
    return np.uint8(np.clip(np.where(inside, mouth, skin) + noise, 0, 255))


def mouth_of(picture):
    """The mean colour of what lies where the mouth is, of a picture −1…1."""
    inside = mouths.soft((89, 156, 12, 6), SIDE) > 0.5
    return (picture[inside].mean(axis=0) + 1) * 127.5


SKIN, DARK = (200, 150, 120), (120, 85, 60)
OPEN, CLOSED = (60, 10, 10), (190, 90, 90)
FACES = [
    (SKIN, OPEN, [0, 1, 0]),
    (SKIN, CLOSED, [0, 0, 0]),
    (DARK, OPEN, [0, 1, 0]),
    (DARK, CLOSED, [0, 0, 0]),
    (SKIN, (240, 240, 240), [1, 0, 0]),
]


def lenders():
    pictures = np.stack([drawn(skin, mouth, seed) for seed, (skin, mouth, _) in enumerate(FACES)])
    return mouths.Examples(pictures, np.array([labels for _, _, labels in FACES]), NAMES)


@pytest.mark.parametrize("skin, like", [(SKIN, 1), (DARK, 3)])
def test_the_face_that_looks_most_alike_lends_its_mouth(skin, like, monkeypatch):
    monkeypatch.setattr(mouths, "NEAREST", 1)
    examples, face = lenders(), images.from_uint8(drawn(skin, OPEN, seed=9))
    assert examples._lender(images.to_uint8(face), np.array([0, 0, 0]), "Mouth_Slightly_Open") % len(FACES) == like
    shown, found = examples.shown(face[None], np.array([[0, 1, 0]]), np.array([[0, 0, 0]]))
    assert shown.shape == (1, SIDE, SIDE, 3) and shown.dtype == np.float32 and found.tolist() == [1]
    assert np.abs(mouth_of(shown[0]) - CLOSED).max() < 60 < np.abs(mouth_of(face) - CLOSED).max()
    np.testing.assert_allclose(shown[0, :20], face[:20], atol=0.02)  # the rest is the face's own


def test_labels_decide_who_may_lend():
    """A man's mouth is a man's where there is one; where none has all the labels, the mouth's alone count."""
    examples = lenders()
    face = drawn(SKIN, OPEN, seed=9)
    assert examples._lender(face, np.array([1, 0, 0]), "Mouth_Slightly_Open") % len(FACES) == 4
    assert examples._lender(face, np.array([1, 1, 0]), "Mouth_Slightly_Open") % len(FACES) in (0, 2)
    assert examples._lender(face, np.array([0, 0, 1]), "Smiling") is None


def test_where_nobody_lends_the_face_stays_and_is_not_counted():
    face = images.from_uint8(drawn(SKIN, OPEN))[None]
    shown, found = lenders().shown(face, np.array([[0, 1, 0]]), np.array([[0, 1, 1]]))
    assert found.tolist() == [0]
    np.testing.assert_allclose(shown, face, atol=1e-6)


def test_blending_is_the_one_picture_inside_and_the_other_outside():
    random = np.random.RandomState(0)
    new, old = (ndimage.gaussian_filter(random.uniform(0, 255, (SIDE, SIDE, 3)), (1, 1, 0)) for _ in range(2))
    ones, zeros = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    np.testing.assert_allclose(mouths.blended(new, old, zeros), old, atol=1e-9)
    low = new
    old_low = old
    for band in range(mouths.BANDS):
        sigma = (2.0**band, 2.0**band, 0)
        low, old_low = ndimage.gaussian_filter(low, sigma), ndimage.gaussian_filter(old_low, sigma)
    np.testing.assert_allclose(
        mouths.blended(new, old, ones), new - low + old_low, atol=1e-9
    )  # old's light, new's detail


def test_a_lent_mouth_gets_the_light_of_its_new_face():
    """The same face at half the light: drawn to the other it is the other, but for what is nearly black."""
    bright = drawn(SKIN, OPEN)
    examples = mouths.Examples(np.stack([bright // 2]), np.array([[0, 1, 0]]), NAMES)
    found = examples._drawn_to(0, np.float32(bright))
    assert np.abs(found - bright).mean() < 6 < np.abs(np.float32(bright) // 2 - bright).mean()


def test_mirrored_faces_lend_theirs_too():
    one_sided = drawn(SKIN, CLOSED)
    one_sided[:, : SIDE // 2] //= 2
    other = drawn(SKIN, CLOSED, seed=3)
    examples = mouths.Examples(np.stack([other, one_sided]), np.array([[0, 0, 0], [0, 0, 0]]), NAMES)
    face = np.ascontiguousarray(one_sided[:, ::-1])
    assert examples._lender(face, np.array([0, 0, 0]), "Mouth_Slightly_Open") == 3


def test_edits_lose_what_they_differ_from_examples():
    """A generator that changes nothing, against the examples computed apart; whoever has none is left out."""

    class Fixed:
        names = NAMES
        asked = []

        def shown(self, x, a, b):
            self.asked.append((a, b))
            return x + np.float32(0.5), np.float32([1, 0, 1, 1])

    x = np.random.RandomState(0).uniform(-0.4, 0.4, (6, 32, 32, 3)).astype("f")
    a = np.random.RandomState(1).randint(0, 2, (6, 3))
    loss = mouths.example_loss(tf.constant(x), tf.constant(a), lambda x: x, lambda z, b: z, Fixed(), 0.5)
    with tf.Session() as session:
        np.testing.assert_allclose([session.run(loss) for _ in range(20)], 0.5, rtol=1e-5)
    before, wanted = (np.concatenate(part) for part in zip(*Fixed.asked))
    assert before.shape == (80, 3)
    flipped = set(map(tuple, before ^ wanted))
    assert flipped == {(0, 1, 0), (0, 0, 1), (0, 1, 1)}  # the mouth's attributes, one or both, and no other


def test_an_edit_counts_in_its_place_only():
    class Same:
        names = NAMES

        def shown(self, x, a, b):
            return x, np.ones(len(x), np.float32)

    x = np.zeros((4, 32, 32, 3), np.float32)
    a = np.zeros((4, 3), int)
    loss = mouths.example_loss(
        tf.constant(x),
        tf.constant(a),
        lambda x: x,
        lambda z, b: z + tf.reduce_sum(b, axis=1)[:, None, None, None],  # −1.5 and −0.5 or 0.5: a change of 1 or 2
        Same(),
        0.5,
        lambda a, b: tf.fill([4, 32, 32, 1], 0.1),
    )
    with tf.Session() as session:
        found = session.run(loss)
    fade = networks.photos.fading(32, 32).mean()
    assert 0.1 * fade * 0.99 <= found <= 0.2 * fade * 1.01
